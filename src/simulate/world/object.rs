//! What is in the simulated object storage: small files, and as large ones as somebody asks for.

use std::fmt::Write as _;

use bytes::Bytes;

/// An uploaded file.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// As its uploader called it.
    pub(crate) filename: String,
    /// As its uploader declared it.
    pub(crate) content_type: &'static str,
    pub(crate) content: Content,
    /// Whether our company may have it.
    pub(crate) ours: bool,
}

/// What is in a file.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Bytes(Bytes),
    /// So many zeros, which take no memory here.
    Zeros(u64),
}

/// A page with these lines of text, as the smallest PDF that viewers open.
pub(crate) fn pdf(lines: &[&str]) -> Bytes {
    let shown = |line: &str| -> String {
        // The standard fonts know Latin-1 at most; what is beyond ASCII is left out of a sheet that is only a stand-in.
        line.chars().filter(char::is_ascii).filter(|letter| !"()\\".contains(*letter)).collect()
    };
    let text: String = lines.iter().flat_map(|line| ["(".to_owned(), shown(line), ") Tj T*\n".to_owned()]).collect();
    let stream = format!("BT /F1 14 Tf 18 TL 60 760 Td\n{text}ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()),
    ];
    let mut pdf = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(pdf.len());
        let _ = write!(pdf, "{} 0 obj\n{object}\nendobj\n", index + 1);
    }
    let table = pdf.len();
    let _ = write!(pdf, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for place in places {
        let _ = writeln!(pdf, "{place:010} 00000 n ");
    }
    let _ = write!(pdf, "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1);
    pdf.into()
}
