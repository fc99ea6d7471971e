//! Percent-encoding (RFC 3986, §2.1), of which each use has its own set of bytes that stay.

/// `%XX` for every byte of the UTF-8 form that may not stay as it is.
pub(crate) fn percent_encode(text: &str, stays: fn(u8) -> bool) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if stays(byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
