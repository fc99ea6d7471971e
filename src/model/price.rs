//! Prices and charges.

use super::decimal::Decimal;

described! {
    /// The prices of a line. A price is per `price_unit_quantity` of `price_unit_of_measure_iso`.
    pub struct Prices {
        /// Before the discount.
        gross_price: Option<Price> = "grossPrice",
        /// The discount in percent.
        discount_percentage: Option<Decimal> = "discountPercentage",
        /// After the discount.
        net_price: Option<Price> = "netPrice",
        /// The unit that the price is for.
        price_unit_of_measure_iso: Option<String> = "priceUnitOfMeasureIso",
        /// How many of that unit the price is for.
        price_unit_quantity: Option<Decimal> = "priceUnitQuantity",
    }

    /// One price, in one or two currencies.
    pub struct Price {
        /// In the currency of the order.
        price_in_transaction_currency: Option<Money> = "priceInTransactionCurrency",
        /// In the buyer's own currency.
        price_in_base_currency: Option<Money> = "priceInBaseCurrency",
    }

    /// An amount of money.
    pub struct Money {
        /// How much.
        value: Option<Decimal> = "value",
        /// Currency, ISO 4217.
        currency_iso: Option<String> = "currencyIso",
    }

    /// A charge on top of the price of a line.
    pub struct ChargeLine {
        /// Its position within the line.
        position: Option<String> = "position",
        /// What kind of charge.
        charge_type_code: Option<String> = "chargeTypeCode",
        /// The same in words.
        charge_description: Option<String> = "chargeDescription",
        /// How many units are charged.
        quantity: Option<Decimal> = "quantity",
        /// The price of one unit.
        price: Option<Price> = "price",
        /// The unit.
        price_unit_of_measure_iso: Option<String> = "priceUnitOfMeasureIso",
    }
}
