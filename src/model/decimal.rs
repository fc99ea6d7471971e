//! Exact decimals: quantities, prices and weights, kept digit for digit.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use bigdecimal::BigDecimal;
use serde::de::{Error as _, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;

use super::shape::{Described, Shape};

/// A decimal number exactly as Tradecloud wrote it, with any number of digits.
///
/// It is the text of a JSON number and becomes something to compute with only on request. It compares
/// by value: `1.50` equals `1.5` and `15e-1`. It is read from a JSON number, or from a JSON string that
/// holds one, and written as a JSON number with the same digits.
///
/// ```
/// use tradecloud_webhook::model::Decimal;
///
/// let quantity: Decimal = "1234.560".parse()?;
/// assert_eq!(quantity.as_str(), "1234.560");
/// assert_eq!(quantity, "1234.56".parse()?);
/// assert!(quantity < "1e4".parse()?);
/// # Ok::<(), tradecloud_webhook::model::NotADecimal>(())
/// ```
#[derive(Clone)]
pub struct Decimal(Number);

/// The text is not a number as JSON writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a number: expected digits like 1234.560 or 1e3, with a point, without a plus sign or separators")]
pub struct NotADecimal;

/// Written out, a number with more digits than this is no price or quantity but an attempt to make
/// somebody's arithmetic run out of memory.
const MOST_DIGITS: i64 = 10_000;

impl Decimal {
    /// The digits as they came.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The number to compute with; it keeps trailing zeros (`1.50` has two decimals).
    ///
    /// `None` for a number that would take more than 10,000 digits to write out, like `1e999999999`:
    /// adding two of them could exhaust the memory.
    ///
    /// ```
    /// use tradecloud_webhook::model::Decimal;
    ///
    /// let quantity: Decimal = "0.1".parse()?;
    /// let sum = quantity.to_big_decimal().map(|quantity| (&quantity + &quantity).to_string());
    /// assert_eq!(sum.as_deref(), Some("0.2"));
    /// # Ok::<(), tradecloud_webhook::model::NotADecimal>(())
    /// ```
    pub fn to_big_decimal(&self) -> Option<BigDecimal> {
        let (mantissa, exponent) = self.split();
        let length = i64::try_from(mantissa.len()).ok()?;
        (length.saturating_add(exponent.saturating_abs()) <= MOST_DIGITS)
            .then(|| BigDecimal::from_str(self.as_str()).ok())
            .flatten()
    }

    /// Mantissa and exponent. An exponent past the range of `i64` counts as the end of that range:
    /// nobody can tell such numbers apart by anything but their text.
    fn split(&self) -> (&str, i64) {
        let (mantissa, exponent) = self.as_str().split_once(['e', 'E']).unwrap_or((self.as_str(), "0"));
        let furthest = if exponent.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 };
        let exponent = exponent.parse::<i64>().unwrap_or(furthest);
        (mantissa, exponent.clamp(i64::MIN / 4, i64::MAX / 4))
    }

    /// The value in a form in which equal numbers are equal: the sign, the power of ten of the first
    /// digit that counts, and the digits from there on without trailing zeros.
    fn normal(&self) -> (bool, i64, impl Iterator<Item = u8> + Clone) {
        let (mantissa, exponent) = self.split();
        let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |digits| (true, digits));
        let whole = mantissa.find('.').unwrap_or(mantissa.len());
        let digits = || mantissa.bytes().filter(u8::is_ascii_digit);
        let leading = digits().take_while(|digit| *digit == b'0').count();
        let trailing = digits().rev().take_while(|digit| *digit == b'0').count();
        let count = digits().count().saturating_sub(leading + trailing);
        if count == 0 {
            return (false, i64::MIN, digits().skip(leading).take(0));
        }
        // A text cannot be as long as an eighth of the range of `i64`.
        let first = exponent + i64::try_from(whole).unwrap_or(0) - i64::try_from(leading).unwrap_or(0);
        (negative, first, digits().skip(leading).take(count))
    }
}

impl FromStr for Decimal {
    type Err = NotADecimal;

    fn from_str(text: &str) -> Result<Self, NotADecimal> {
        // White space around it would be JSON too, but not a number.
        if text.ends_with(|last: char| last.is_ascii_digit()) && !text.starts_with(|first: char| first.is_whitespace())
        {
            text.parse().map(Self).map_err(|_| NotADecimal)
        } else {
            Err(NotADecimal)
        }
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self(number.into())
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let (negative, first, digits) = self.normal();
        let (other_negative, other_first, other_digits) = other.normal();
        other_negative.cmp(&negative).then_with(|| {
            // Zero has no first digit and so lies below every positive number; for a negative one
            // the sign has decided already.
            let size = first.cmp(&other_first).then_with(|| digits.cmp(other_digits));
            if negative { size.reverse() } else { size }
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (negative, first, digits) = self.normal();
        (negative, first).hash(state);
        digits.for_each(|digit| state.write_u8(digit));
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;

        impl<'de> Visitor<'de> for NumberOrText {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Decimal, E> {
                text.parse().map_err(|NotADecimal| E::invalid_value(Unexpected::Other("text"), &self))
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Decimal, E> {
                Ok(Decimal(number.into()))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Decimal, E> {
                Ok(Decimal(number.into()))
            }

            // serde_json hands a number of any length over as a map with one entry of its own.
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Decimal, A::Error> {
                Number::deserialize(MapAccessDeserializer::new(map))
                    .map(Decimal)
                    .map_err(|_| A::Error::invalid_type(Unexpected::Map, &self))
            }
        }

        deserializer.deserialize_any(NumberOrText)
    }
}

impl Described for Decimal {
    const SHAPE: Shape = Shape::Number;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_compare_by_value_whatever_their_digits() {
        let ascending = [
            "-1e999999999",
            "-12",
            "-1.5",
            "-1e-999999999",
            "0",
            "1e-999999999",
            "0.1",
            "1",
            "1.05",
            "1.5",
            "12",
            "9e9",
            "1e999999999",
        ];
        for (i, left) in ascending.iter().enumerate() {
            for (j, right) in ascending.iter().enumerate() {
                assert_eq!(decimal(left).cmp(&decimal(right)), i.cmp(&j), "{left} {right}");
            }
        }
        for (left, right) in
            [("1.50", "1.5"), ("0", "-0.00"), ("0e5", "0"), ("1500e-3", "1.5"), ("0.0010", "1e-3"), ("100", "1E2")]
        {
            assert_eq!(decimal(left), decimal(right), "{left} {right}");
        }
    }

    #[test]
    fn the_digits_stay_as_they_came() {
        for json in [
            "0",
            "-0",
            "2",
            "-17",
            "1234.560",
            "0.100000000000000000000000000001",
            "-0.00",
            "18446744073709551616",
            "1e-30",
        ] {
            let read: Decimal = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
            let from_text: Decimal = serde_json::from_str(&format!("\"{json}\"")).unwrap();
            assert_eq!(from_text.as_str(), json);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for json in
            ["\"\"", "\" 1\"", "\"1 \"", "\"+1\"", "\"1.\"", "\"0x1\"", "\"NaN\"", "true", "{}", "[1]", "{\"a\":1}"]
        {
            assert!(serde_json::from_str::<Decimal>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn absurd_exponents_cannot_be_computed_with_and_do_no_harm() {
        for text in ["1e999999999", "1e-999999999", "1e99999999999999999999999999", "-1e-99999999999999999999999"] {
            assert_eq!(decimal(text).to_big_decimal(), None, "{text}");
            assert_eq!(decimal(text), decimal(text));
        }
        assert_eq!(decimal("1.50").to_big_decimal().unwrap().to_string(), "1.50");
    }
}
