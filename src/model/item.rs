//! What is ordered.

use super::decimal::Decimal;

described! {
    /// The article of an order line.
    pub struct Item {
        /// The buyer's article number.
        number: Option<String> = "number",
        /// Its revision.
        revision: Option<String> = "revision",
        /// Its name.
        name: Option<String> = "name",
        /// What it is.
        description: Option<String> = "description",
        /// The unit of the quantities of the line.
        purchase_unit_of_measure_iso: Option<String> = "purchaseUnitOfMeasureIso",
        /// The supplier's article number.
        supplier_item_number: Option<String> = "supplierItemNumber",
        /// Its measures.
        dimensions: Vec<Dimension> = "dimensions" each "dimension",
    }

    /// One measure of an article.
    pub struct Dimension {
        /// What is measured, for example `mass`.
        attribute: Option<String> = "attribute",
        /// How much.
        measure: Option<Decimal> = "measure",
        /// The unit, UN/ECE Recommendation 20.
        unit_of_measure_unece: Option<String> = "unitOfMeasureUnece",
    }

    /// What customs, carriers and quality control want to know.
    pub struct ItemDetails {
        /// Country of origin, ISO 3166-1 alpha-2.
        country_of_origin_code_iso2: Option<String> = "countryOfOriginCodeIso2",
        /// Combined nomenclature code.
        combined_nomenclature_code: Option<String> = "combinedNomenclatureCode",
        /// Net weight.
        net_weight: Option<Decimal> = "netWeight",
        /// Its unit.
        net_weight_unit_of_measure_iso: Option<String> = "netWeightUnitOfMeasureIso",
        /// UN number of dangerous goods.
        dangerous_goods_code_unece: Option<String> = "dangerousGoodsCodeUnece",
        /// Serial number.
        serial_number: Option<String> = "serialNumber",
        /// Batch number.
        batch_number: Option<String> = "batchNumber",
    }

    /// A certificate that the buyer asks for.
    pub struct Certification {
        /// Code of the certificate.
        type_code: Option<String> = "typeCode",
        /// The same in words.
        r#type: Option<String> = "type",
        /// Code of the classification society.
        classification_society_code: Option<String> = "classificationSocietyCode",
        /// The same in words.
        classification_society: Option<String> = "classificationSociety",
    }
}
