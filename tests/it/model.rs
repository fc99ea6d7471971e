//! Messages as types: nothing is lost, numbers stay exact, errors name the field.
