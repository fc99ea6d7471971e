//! Who trades with whom in the simulated world, and what.

use uuid::Uuid;

use crate::simulate::random::Random;

/// A company, as others know it.
#[derive(Debug)]
pub(crate) struct Company {
    pub(crate) name: &'static str,
    pub(crate) gln: &'static str,
    pub(crate) street: &'static str,
    pub(crate) postal_code: &'static str,
    pub(crate) city: &'static str,
    pub(crate) country: &'static str,
    pub(crate) country_name: &'static str,
    /// Who answers there.
    pub(crate) email: &'static str,
    /// The buyer's number of this supplier, which begins with zeros that count.
    pub(crate) account: &'static str,
}

/// What can be ordered.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) number: &'static str,
    pub(crate) name: &'static str,
    pub(crate) supplier_number: &'static str,
    pub(crate) unit: &'static str,
    /// What it costs, exactly,
    pub(crate) price: &'static str,
    /// and what a supplier would rather have for it;
    pub(crate) asked: &'static str,
    /// for so many of it.
    pub(crate) per: &'static str,
    pub(crate) weight: &'static str,
    /// Goods, work, or a charge with its reason.
    pub(crate) kind: &'static str,
    pub(crate) charge: Option<&'static str>,
}

/// The company whose integration account this is.
pub(crate) const BUYER: Company = Company {
    name: "Van Dijk Machinebouw B.V.",
    gln: "8712345000013",
    street: "Waalhaven Zuidzijde 12",
    postal_code: "3089 JH",
    city: "Rotterdam",
    country: "NL",
    country_name: "The Netherlands",
    email: "purchase@vandijk.example",
    account: "00340760",
};

const fn supplier(
    name: &'static str,
    gln: &'static str,
    street: &'static str,
    (postal_code, city, country, country_name): (&'static str, &'static str, &'static str, &'static str),
    email: &'static str,
    account: &'static str,
) -> Company {
    Company { name, gln, street, postal_code, city, country, country_name, email, account }
}

/// From whom it buys.
pub(crate) const SUPPLIERS: [Company; 5] = [
    supplier(
        "Schraubenwerk Süd GmbH",
        "4012345000016",
        "Industriestraße 8",
        ("70565", "Stuttgart", "DE", "Germany"),
        "vertrieb@schraubenwerk.example",
        "0012345",
    ),
    supplier(
        "Ørsted Lejer A/S",
        "5712345000010",
        "Havnevej 3",
        ("8000", "Aarhus C", "DK", "Denmark"),
        "salg@orsted-lejer.example",
        "0012377",
    ),
    supplier(
        "Plaatwerkerij De Hoop & Zn.",
        "8712345000020",
        "'t Zand 41",
        ("7333 NC", "Apeldoorn", "NL", "The Netherlands"),
        "verkoop@dehoop.example",
        "0054080",
    ),
    supplier(
        "Suzhou Fastener 螺母 Co., Ltd.",
        "6901234000016",
        "88 Xinghu Street",
        ("215123", "Suzhou", "CN", "China"),
        "sales@suzhou-fastener.example",
        "0071100",
    ),
    supplier(
        "Lloyd's Hydraulics Ltd",
        "5012345000017",
        "4 Quay Road",
        ("HU1 1AA", "Hull", "GB", "United Kingdom"),
        "orders@lloyds-hydraulics.example",
        "0080012",
    ),
];

const fn goods(
    number: &'static str,
    name: &'static str,
    supplier_number: &'static str,
    unit: &'static str,
    (price, asked, per): (&'static str, &'static str, &'static str),
    weight: &'static str,
) -> Item {
    Item { number, name, supplier_number, unit, price, asked, per, weight, kind: "Item", charge: None }
}

/// What it buys there.
pub(crate) const ITEMS: [Item; 9] = [
    goods("118997", "Kogellager 6204-2RS", "00067890", "PCE", ("2.810", "2.945", "1"), "0.106"),
    goods("118998", "Plaat 10 mm S355, 1000 x 2000", "PL-10-S355", "PCE", ("98.625", "101.10", "1"), "157.000"),
    goods(
        "013060",
        "Schraube M8 x 40 <8.8>, verzinkt",
        "00933-8-40",
        "PCE",
        ("64.2513292389", "66.5", "1000"),
        "0.0185",
    ),
    goods("220301", "Round tube ø60x45", "RT-60-45", "MTR", ("12.50", "12.85", "1"), "9.71"),
    goods("220208", "Hydraulic cylinder 50/28-300", "LH-50-28-300", "PCE", ("412.00", "425.75", "1"), "8.250"),
    goods("300101", "Seal kit & O-rings", "SK-0042", "SET", ("17.4", "17.9", "1"), "0.22"),
    goods("300417", "Hydraulic oil HLP 46", "HLP46-208", "LTR", ("2.0475", "2.12", "1"), "0.880"),
    Item {
        number: "SURVEY",
        name: "Inspection at the works",
        supplier_number: "SRV-1",
        unit: "HUR",
        price: "85",
        asked: "92.5",
        per: "1",
        weight: "0",
        kind: "Service",
        charge: None,
    },
    Item {
        number: "FREIGHT",
        name: "Freight",
        supplier_number: "FRT",
        unit: "PCE",
        price: "0.1",
        asked: "0.1",
        per: "1",
        weight: "0",
        kind: "Charge",
        charge: Some("FC"),
    },
];

/// Quantities as somebody types them: each digit counts.
pub(crate) const QUANTITIES: [&str; 8] = ["1", "4", "12.5", "24.000", "100", "250.75", "0.125", "1500"];

/// The ids of everybody, which the seed decides.
#[derive(Debug)]
pub(crate) struct Parties {
    /// Our company, and who works there.
    pub(crate) buyer: Uuid,
    pub(crate) buyer_user: Uuid,
    /// The suppliers, in the order of [`SUPPLIERS`], each with somebody who works there.
    pub(crate) suppliers: Vec<(Uuid, Uuid)>,
    /// A company whose affairs are none of ours.
    pub(crate) stranger: Uuid,
}

impl Parties {
    /// Draws them.
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            buyer: random.uuid(),
            buyer_user: random.uuid(),
            suppliers: SUPPLIERS.iter().map(|_| (random.uuid(), random.uuid())).collect(),
            stranger: random.uuid(),
        }
    }

    /// The supplier with that place in [`SUPPLIERS`]: its id.
    pub(crate) fn supplier(&self, place: usize) -> Uuid {
        self.suppliers.get(place).map_or(self.stranger, |(company, _)| *company)
    }
}
