//! What is not well-formed is refused, with the place of the fault and without a word of the body.

use bytes::Bytes;
use tradecloud_webhook::decode::{envelope, to_json};
use tradecloud_webhook::model::Format;

use crate::support::{sample, samples};

fn refusal(media: &str, body: impl AsRef<[u8]>) -> String {
    match envelope(Some(media), &Bytes::copy_from_slice(body.as_ref())) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

const NO_EVENT: &str = "the body is no Tradecloud event: it has none of orderEvent, singleDeliveryOrderEvent, \
                        simpleOrderEvent, orderDocumentsEvent, shipment and shipmentEvent, and is no bare order with \
                        id, buyerOrder or lines";

#[test]
fn malformed_json_is_refused_with_its_place() {
    for (body, said) in [
        ("", "line 1, column 1: the body is empty: expected a JSON object"),
        (" \n", "line 1, column 1: the body is empty: expected a JSON object"),
        ("{", "line 1, column 2: the body ends inside an object"),
        ("{\"id\":1", "line 1, column 8: the body ends inside an object"),
        ("{\"id\":\"x", "line 1, column 9: the body ends inside a string"),
        ("{\"id\":[1,", "line 1, column 10: the body ends inside a value"),
        ("{\"id\":1}}", "line 1, column 9: there is more after the end of the object"),
        ("{\"id\":1} x", "line 1, column 10: there is more after the end of the object"),
        ("{\"id\":1}{}", "line 1, column 9: there is more after the end of the object"),
        ("{\"ø\":1,\n \"é\": x}", "line 2, column 7: expected a value"),
        ("{\"id\":1,}", "line 1, column 9: a comma that nothing follows"),
        ("{'id':1}", "line 1, column 2: expected the name of a field in double quotes"),
        ("{id:1}", "line 1, column 2: expected the name of a field in double quotes"),
        ("{\"id\":01}", "line 1, column 8: invalid number"),
        ("{\"id\":1.}", "line 1, column 9: invalid number"),
        ("{\"id\":+1}", "line 1, column 7: expected a value"),
        ("{\"id\":NaN}", "line 1, column 7: expected a value"),
        ("{\"id\":tru}", "line 1, column 10: expected true, false or null"),
        ("{\"id\":\"a\nb\"}", "line 1, column 8: a control character in a string; write it escaped"),
        ("{\"id\":\"\\x\"}", "line 1, column 9: invalid escape"),
        ("{\"a\":{\"b\":[1 2]}}", "line 1, column 14: expected `,` or `]`"),
        ("[1,]", "line 1, column 4: expected a value"),
        ("\"text\"", "the body is no Tradecloud event: expected a JSON object, found a single value"),
        ("nothing", "line 1, column 2: expected true, false or null"),
    ] {
        assert_eq!(refusal("application/json", body), said, "{body}");
    }
}

#[test]
fn malformed_xml_is_refused_with_its_place() {
    for (body, said) in [
        ("", "line 1, column 1: the body is empty: expected an XML document"),
        (" \n", "line 1, column 1: the body is empty: expected an XML document"),
        ("<a", "line 1, column 1: the tag is not closed"),
        ("<a>", "line 1, column 4: the body ends before its root element does; was it cut off?"),
        ("<a><b></a>", "line 1, column 7: this end tag belongs to another start tag"),
        ("</a>", "line 1, column 1: this end tag has no start tag"),
        ("<a/></a>", "line 1, column 5: this end tag has no start tag"),
        ("<a/><b/>", "line 1, column 5: a second root element"),
        ("<a/>x", "line 1, column 5: text outside the root element"),
        ("<a/>&amp;", "line 1, column 5: text outside the root element"),
        ("\u{FEFF}\u{FEFF}<a/>", "line 1, column 1: text outside the root element"),
        ("x<a/>", "line 1, column 1: text outside the root element"),
        ("<a/><!-- fine --> <?fine?>\n", NO_EVENT),
        ("<é>\nøø</è>", "line 2, column 3: this end tag belongs to another start tag"),
        ("<a b/>", "line 1, column 4: expected an attribute with a value"),
        ("<a b=c/>", "line 1, column 6: expected a value in quotes"),
        ("<a b='c/>", "line 1, column 1: the value of an attribute of this tag is not closed"),
        ("<a b='1'c='2'/>", "line 1, column 9: expected white space before an attribute"),
        ("<a b='1' b='2'/>", "line 1, column 10: an attribute occurs twice"),
        ("<a b='<'/>", "line 1, column 7: a value may not contain <"),
        ("<a b='&x;'/>", "line 1, column 7: a reference to nothing that is defined; write &amp; for &"),
        ("<1a/>", "line 1, column 1: this is no name of an element"),
        ("< a/>", "line 1, column 1: this is no name of an element"),
        ("<a>&nbsp;</a>", "line 1, column 4: a reference to nothing that is defined; write &amp; for &"),
        ("<a>&</a>", "line 1, column 4: & without ; behind a name; write &amp;"),
        ("<a>& b</a>", "line 1, column 4: & without ; behind a name; write &amp;"),
        ("<a>&#0;</a>", "line 1, column 4: a reference to nothing that is defined; write &amp; for &"),
        ("<a>]]></a>", "line 1, column 4: ]]> in a text; write ]]&gt;"),
        ("<a>\u{1}</a>", "line 1, column 4: a character that XML forbids"),
        ("<a>\u{FFFF}</a>", "line 1, column 4: a character that XML forbids"),
        ("<a><!-- -- --></a>", "line 1, column 9: -- within a comment"),
        ("<a><!-- </a>", "line 1, column 4: the comment is not closed"),
        ("<a><![CDATA[</a>", "line 1, column 4: the CDATA section is not closed"),
        ("<a><!ELEMENT b></a>", "line 1, column 4: after <! there is neither a comment nor CDATA"),
        ("<!DOCTYPE a><a/>", "line 1, column 1: a document type (DOCTYPE) is not accepted"),
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "line 1, column 1: a document type (DOCTYPE) is not accepted"),
        (
            " <?xml version='1.0'?><a/>",
            "line 1, column 2: an XML declaration is allowed at the start of the document only",
        ),
        (
            "<a><?xml version='1.0'?></a>",
            "line 1, column 4: an XML declaration is allowed at the start of the document only",
        ),
        ("<?xml?><a/>", "line 1, column 6: the XML declaration has no version"),
        ("<?xml version='2.0'?><a/>", "line 1, column 16: the version of XML must be 1.0"),
        ("<?xml encoding='UTF-8' version='1.0'?><a/>", "line 1, column 24: not expected here in the XML declaration"),
        (
            "<?xml version='1.0' encoding='nobody-knows'?><a/>",
            "line 1, column 31: the encoding that is declared is not one that is known here; send it as UTF-8",
        ),
        ("<?xml version='1.0' encoding='8859'?><a/>", "line 1, column 31: this is no name of an encoding"),
        ("<?xml version='1.0' standalone='no' ?><a/>", NO_EVENT),
        ("<a><?></a>", "line 1, column 4: the processing instruction is not closed"),
        ("<a></a b='1'>", "line 1, column 4: this end tag belongs to another start tag"),
        ("<a></ a>", "line 1, column 4: this end tag belongs to another start tag"),
    ] {
        assert_eq!(refusal("application/xml", body), said, "{body}");
    }
}

#[test]
fn a_truncated_document_is_refused_wherever_it_was_cut() {
    for name in samples() {
        let body = sample(&name);
        let whole = body.trim_ascii_end().len();
        // Every cut near the ends, and some between.
        for cut in (1..whole).filter(|cut| cut % 997 == 0 || *cut < 60 || *cut + 60 > whole) {
            let media = if name.ends_with("xml") { "application/xml" } else { "application/json" };
            let said = refusal(media, &body[..cut]);
            assert!(said.starts_with("line "), "{name} cut at {cut}: {said}");
        }
    }
}

#[test]
fn a_refusal_does_not_repeat_the_body() {
    for name in samples() {
        let body = sample(&name);
        for at in (0..body.len()).step_by(211) {
            let mut broken = body.clone();
            broken.splice(at..at, *b"<hunter2 &hunter2 \"hunter2");
            let said = refusal("application/json", &broken);
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_place() {
    for (media, body, said) in [
        (
            "application/json",
            &b"{\"id\":\n\"\xE9\"}"[..],
            "line 2, column 2: the text is not UTF-8, which JSON has to be whatever its media type says (RFC 8259)",
        ),
        (
            "application/xml",
            b"<a>\xE9</a>",
            "line 1, column 4: the text is not UTF-8, which it has to be if nothing else is declared",
        ),
        ("application/xml", b"\xFF\xFE<\0a", "line 1, column 2: the text is not UTF-16LE, as its first bytes say"),
    ] {
        assert_eq!(refusal(media, body), said);
    }
}

#[test]
fn nesting_has_a_limit_and_costs_no_stack() {
    let json = |depth: usize| format!("{{\"id\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(refusal("application/json", json(127)), "accepted");
    assert_eq!(
        refusal("application/json", json(128)),
        "line 1, column 134: objects and lists are nested deeper than 128 levels"
    );
    assert_eq!(
        refusal("application/json", "[".repeat(1 << 20)),
        "line 1, column 129: objects and lists are nested deeper than 128 levels"
    );
    let xml = |depth: usize| format!("<id>{}{}</id>", "<id>".repeat(depth), "</id>".repeat(depth));
    assert_eq!(refusal("application/xml", xml(127)), "accepted");
    assert!(to_json(Format::Txml, None, xml(127).as_bytes()).is_ok());
    assert_eq!(refusal("application/xml", xml(128)), "line 1, column 513: elements are nested deeper than 128 levels");
}

#[test]
fn absurd_tags_are_refused_before_they_cost_anything() {
    let attributes: Vec<_> = (0..257).map(|i| format!("a{i}='1'")).collect();
    assert!(refusal("application/xml", format!("<a {}/>", attributes.join(" "))).ends_with("more than 256 attributes"));
    let name = "n".repeat(1001);
    assert!(refusal("application/xml", format!("<{name}/>")).ends_with("no name of an element"));
}
