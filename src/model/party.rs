//! Who and where: companies, places, people.

use super::status::LocationType;

described! {
    /// A company with its address: buyer, invoice receiver or supplier.
    pub struct Party {
        /// Its identifier in the scheme of `id_scheme`, for example a GLN.
        id: Option<String> = "id",
        /// What kind of identifier `id` is, for example `GLN`.
        id_scheme: Option<String> = "idScheme",
        /// Its name, one line each.
        names: Vec<String> = "names" each "name",
        /// Street, area and so on, one line each.
        address_lines: Vec<String> = "addressLines" each "addressLine",
        /// Postal code.
        postal_code: Option<String> = "postalCode",
        /// City.
        city: Option<String> = "city",
        /// Country, ISO 3166-1 alpha-2.
        country_code_iso2: Option<String> = "countryCodeIso2",
        /// Name of the country.
        country_name: Option<String> = "countryName",
    }

    /// Where an order is to be delivered.
    pub struct Destination {
        /// The buyer's code of the place.
        code: Option<String> = "code",
        /// Its name, one line each.
        names: Vec<String> = "names" each "name",
        /// Street, area and so on, one line each.
        address_lines: Vec<String> = "addressLines" each "addressLine",
        /// Postal code.
        postal_code: Option<String> = "postalCode",
        /// City.
        city: Option<String> = "city",
        /// Country, ISO 3166-1 alpha-2.
        country_code_iso2: Option<String> = "countryCodeIso2",
        /// Name of the country.
        country_name: Option<String> = "countryName",
        /// What kind of place it is.
        location_type: Option<LocationType> = "locationType",
    }

    /// A place on the way of a shipment.
    pub struct Location {
        /// What role the place plays.
        location_type: Option<LocationType> = "locationType",
        /// Its identifier in the scheme of `id_scheme`.
        id: Option<String> = "id",
        /// What kind of identifier `id` is, for example `GLN`.
        id_scheme: Option<String> = "idScheme",
        /// Its name, one line each.
        names: Vec<String> = "names" each "name",
        /// Street, area and so on, one line each.
        address_lines: Vec<String> = "addressLines" each "addressLine",
        /// Postal code.
        postal_code: Option<String> = "postalCode",
        /// City.
        city: Option<String> = "city",
        /// Country, ISO 3166-1; some editions send `country_code_iso2` in its place.
        country_code_iso: Option<String> = "countryCodeIso",
        /// Country, ISO 3166-1 alpha-2.
        country_code_iso2: Option<String> = "countryCodeIso2",
    }

    /// A person. Orders give an e-mail address and a user name, shipments the rest.
    pub struct Contact {
        /// The user's id at Tradecloud.
        user_id: Option<String> = "userId",
        /// E-mail address.
        email: Option<String> = "email",
        /// User name.
        user_name: Option<String> = "userName",
        /// First name.
        first_name: Option<String> = "firstName",
        /// Last name.
        last_name: Option<String> = "lastName",
        /// What the person does in the company.
        position: Option<String> = "position",
        /// Telephone number.
        phone_number: Option<String> = "phoneNumber",
    }
}
