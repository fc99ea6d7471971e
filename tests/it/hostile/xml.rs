//! Bodies that are meant to break, fool or exhaust a reader of XML.

use super::Case;
use crate::support::sender::order_event_in_xml;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Case::in_places("application/xml", &PLACES, malformed(), odd());
    cases.extend(cut());
    cases.extend(attributes());
    cases.extend(documents());
    cases
}

/// Where content may stand in an event that is right otherwise.
const PLACES: [(&str, &str, &str); 4] = [
    ("in an id", "<a><orderEvent><orderId>", "</orderId></orderEvent></a>"),
    ("in an unknown element", "<a><orderEvent/><x>1", "2</x></a>"),
    ("in a line", "<a><orderEvent><line>", "</line></orderEvent></a>"),
    ("between elements", "<a><orderEvent/>\n", "\n<meta/></a>"),
];

/// Content that is none.
fn malformed() -> Vec<Vec<u8>> {
    let texts = [
        "&",
        "& ",
        "&;",
        "&x;",
        "&nbsp;",
        "&amp",
        "&AMP;",
        "&#;",
        "&#x;",
        "&#0;",
        "&#xD800;",
        "&#xFFFE;",
        "&#x110000;",
        "&#99999999999;",
        "&#-1;",
        "&#+65;",
        "&#X41;",
        "&#1;",
        "&a.b;",
        "&amp;&lol;",
        "<",
        "< b/>",
        "<b",
        "<b>",
        "</b>",
        "<b></c>",
        "<b/",
        "<1b/>",
        "<-b/>",
        "<.b/>",
        "<b\u{0}/>",
        "<b><c></b></c>",
        "<b></ b>",
        "<b></b x='1'>",
        "<>",
        "</>",
        "<b//>",
        "<b/ >",
        "<=b/>",
        "<b=c/>",
        "]]>",
        "x]]>y",
        "<![CDATA[",
        "<![CDATA[ ]]",
        "<![cdata[x]]>",
        "<! [CDATA[x]]>",
        "<![CDATA [x]]>",
        "<![INCLUDE[x]]>",
        "<!-- -- -->",
        "<!--",
        "<!-->",
        "<!--->",
        "<!-- --->",
        "<!- x -->",
        "<!ELEMENT b>",
        "<!DOCTYPE b>",
        "<!ENTITY x 'y'>",
        "<!ATTLIST a b CDATA #IMPLIED>",
        "<!NOTATION n>",
        "<!>",
        "<?",
        "<?x",
        "<??>",
        "<? x?>",
        "<?1?>",
        "<?xml version='1.0'?>",
        "<?XML version='1.0'?>",
        "<?xml?>",
        "<?x:?y",
        "\u{fffe}",
        "\u{ffff}",
        "<b xmlns>",
        "<%b%>",
        "<$/>",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    let controls = (0..0x20_u8).filter(|control| ![9, 10, 13].contains(control));
    all.extend(controls.clone().map(|control| vec![b'x', control]));
    all.extend(controls.map(|control| format!("&#x{control:x};").into_bytes()));
    let bytes: [&[u8]; 7] = [b"\x80", b"\xFF", b"\xC0\xAF", b"\xED\xA0\x80", b"\xF4\x90\x80\x80", b"\xC3<", b"\xE9"];
    all.extend(bytes.iter().map(|bytes| bytes.to_vec()));
    all.push([b"<b>".repeat(130), b"</b>".repeat(130)].concat());
    all.push(b"<b>".repeat(20_000));
    all.push(format!("<{}/>", "n".repeat(2000)).into_bytes());
    all
}

/// Content that is odd, and no reason to refuse an event.
fn odd() -> Vec<Vec<u8>> {
    let texts = [
        "&lt;&gt;&amp;&quot;&apos;",
        "&#65;",
        "&#x1F600;",
        "&#13;",
        "<![CDATA[<b>&x;]]>",
        "<![CDATA[]]>",
        "<![CDATA[]]]]><![CDATA[>]]>",
        "<!-- <b> &x; -->",
        "<!---->",
        "<?x?>",
        "<?x y?>",
        "<?xml-stylesheet href='x'?>",
        "<b/>",
        "<b />",
        "<b></b >",
        "<_b/>",
        "<b.c-d_e/>",
        "<é/>",
        "<\u{1F600}/>",
        "<x:b/>",
        "<b xmlns='u'/>",
        "<x:b xmlns:x='u'/>",
        "<b a='1' b=\"2\"/>",
        "<b a='>'/>",
        "<b\n a\n=\n'1'\n/>",
        "\u{7f}\u{85}\u{2028}",
        "\u{10ffff}",
        "\r\n",
        "] ]>",
        "]]&gt;",
        "'; DROP TABLE events; --",
        "{\"a\":1}",
        "<id/><id/>",
        "<b xsi:nil='true'/>",
        "%x;",
        "<b a='&lt;&#9;'/>",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push([b"<b>".repeat(100), b"</b>".repeat(100)].concat());
    all.push(b"<b/>".repeat(10_000));
    all.push("x".repeat(100_000).into_bytes());
    all.push(b"&amp;".repeat(10_000));
    all.push(b"<!-- -->".repeat(5_000));
    all.push(b"<![CDATA[x]]>".repeat(5_000));
    all
}

/// An event that ends too early, at every place.
fn cut() -> Vec<Case> {
    let event = order_event_in_xml("1", "m");
    (1..event.len())
        .map(|at| Case::body(format!("cut at {at}"), "application/xml", &event.as_bytes()[..at], 400))
        .collect()
}

/// What follows the name in a start tag.
fn attributes() -> Vec<Case> {
    let wrong = [
        "b",
        "b=",
        "b=c",
        "b='",
        "b='1",
        "b='1\"",
        "='1'",
        "b='1'c='2'",
        "b='1' b='2'",
        "b='<'",
        "b='&'",
        "b='&x;'",
        "b='&#0;'",
        "b='1',c='2'",
        "1b='1'",
        "b;c='1'",
        "b==\"1\"",
        "b='1' / ",
        "-b='1'",
        "b 'c'",
        "b='1''",
        "b=`1`",
        "b=“1”",
        "b='\u{1}'",
        "b='\u{ffff}'",
        "b='&lt'",
        "\u{0}b='1'",
        "xmlns:x='u' xmlns:x='u'",
    ];
    let mut cases = Vec::new();
    for (before, after) in
        [("<a ", "><orderEvent/></a>"), ("<a><orderEvent ", "/></a>"), ("<a><orderEvent/><x ", "></x></a>")]
    {
        for tag in wrong {
            cases.push(Case::body(format!("{before}{tag:?}"), "application/xml", format!("{before}{tag}{after}"), 400));
        }
        let many = (0..300).map(|number| format!("a{number}='1'")).collect::<Vec<_>>().join(" ");
        cases.push(Case::body(
            format!("{before}300 attributes"),
            "application/xml",
            format!("{before}{many}{after}"),
            400,
        ));
        let long = format!("{before}b='{}'{after}", "x".repeat(100_000));
        cases.push(Case::body(format!("{before}a long value"), "application/xml", long, 202));
    }
    cases
}

/// Documents in which there is none.
const WITHOUT_AN_EVENT: &[&str] = &[
    "<a/>",
    "<a>x</a>",
    "<orderEvent/>",
    "<a><b><orderEvent/></b></a>",
    "<a><orderEvent xsi:nil='true'/></a>",
    "<a><OrderEvent/></a>",
    "<html><body/></html>",
    "<a",
    "<",
    "<a></b>",
    "</a>",
    "<!-- x -->",
    "<?x?>",
];

fn documents() -> Vec<Case> {
    let event = "<a><orderEvent/></a>";
    let refused = [
        "<!DOCTYPE a>",
        "<!doctype a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>",
        "<!DOCTYPE a PUBLIC 'p' 'http://127.0.0.1/x'>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
        "<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://127.0.0.1/x'> %x;]>",
        "<!DOCTYPE a [<!ENTITY a0 'x'><!ENTITY a1 '&a0;&a0;'><!ENTITY a2 '&a1;&a1;'>]>",
        "<!DOCTYPE a [",
        "<!DOCTYPE",
        "<!DOCTYPE a [<!ATTLIST a b CDATA 'x'>]>",
        "<!-- --><!DOCTYPE a>",
        "<?xml version='1.0'?><!DOCTYPE a>",
        " <?xml version='1.0'?>",
        "<?xml version='1.0'?><?xml version='1.0'?>",
        "<?xml version='2.0'?>",
        "<?xml version=1.0?>",
        "<?xml?>",
        "<?xml encoding='UTF-8'?>",
        "<?xml version='1.0' encoding='UTF-7'?>",
        "<?xml version='1.0' encoding='ISO-2022-KR'?>",
        "<?xml version='1.0' encoding='UTF-8 '?>",
        "<?xml version='1.0' encoding='IBM037'?>",
        "<?xml version='1.0' encoding=''?>",
        "<?xml version='1.0' standalone='maybe'?>",
        "<?xml version='1.0' x='y'?>",
        "<?xml version='1.0' version='1.0'?>",
        "<?xml version='1.0'",
        "<?XML version='1.0'?>",
        "x",
        "&amp;",
        "<b/>",
        "</a>",
        "\u{feff}\u{feff}",
        "<![CDATA[]]>",
        "\u{b}",
    ];
    let taken = [
        "",
        "\n",
        "<?xml version='1.0'?>",
        "<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"no\"?>",
        "<!-- x -->",
        "<?x y?>",
        "\u{feff}",
        "<?xml version='1.1'?>",
        "<?xml version='1.0' encoding='US-ASCII'?>",
        "<?xml version='1.0' encoding='ISO-8859-1'?>",
        "<?xml version='1.0' encoding='UTF-16'?>",
        "<?xml version='1.0' encoding='utf8'?>",
    ];
    let after = [
        "x",
        "<b/>",
        "</a>",
        "&amp;",
        "<a>",
        "<![CDATA[x]]>",
        "<!DOCTYPE a>",
        "<?xml version='1.0'?>",
        "<",
        "\0",
        "{}",
        "<!--",
        "<?x",
        "]]>",
    ];
    let mut cases = Vec::new();
    let mut add = |body: String, status| cases.push(Case::body(format!("{body:?}"), "text/xml", body, status));
    for before in refused {
        add(format!("{before}{event}"), 400);
    }
    for before in taken {
        add(format!("{before}{event}"), 202);
    }
    for after in after {
        add(format!("{event}{after}"), 400);
    }
    for after in ["", "\n", "<!-- x -->", "<?x y?>"] {
        add(format!("{event}{after}"), 202);
    }
    for body in WITHOUT_AN_EVENT {
        add((*body).to_owned(), 400);
    }
    cases
}
