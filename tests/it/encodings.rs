//! tXML in the encodings that XML allows: what it says is handed on as right text, and its bytes are kept.

use std::path::Path;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::erp::Erp;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// What stands in all of Unicode, and what the encodings of one byte for a character have of it.
const UNICODE: &str = "Gießkanne ø60 – 45 € 螺母 🔩";
const WINDOWS: &str = "Gießkanne ø60 – 45 € „neu“";

/// The bodies of `tests/fixtures/encodings`: with which media type they come, and the description in them.
const BODIES: [(&str, &str, &str); 12] = [
    ("iso-8859-1", "application/xml", "Gießkanne ø60, ½ Zoll, Café"),
    ("iso-8859-15", "application/xml", "Gießkanne ø60, 45 €, œuvre"),
    ("windows-1252", "application/xml", WINDOWS),
    ("windows-1252-said-by-the-media-type", "text/xml;charset=\"Windows-1252\"", WINDOWS),
    ("utf-16-le-marked", "application/xml", UNICODE),
    ("utf-16-be-marked", "application/xml; charset=utf-16", UNICODE),
    ("utf-16-le", "application/xml; charset=utf-16", UNICODE),
    ("utf-16-be", "text/plain", UNICODE),
    ("utf-8-misspelt", "application/xml", UNICODE),
    ("utf-8-said-to-be-utf-16", "application/xml; charset=utf-16", UNICODE),
    ("utf-8-marked", "application/xml; charset=iso-8859-1", UNICODE),
    ("us-ascii", "application/xml", "Giesskanne"),
];

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/encodings/{name}.xml"));
    std::fs::read(path).unwrap()
}

/// An order in tXML whose description is this.
fn order(message_id: &str, description: &str) -> String {
    format!(
        "<OrderWebhook>\n<orderEvent><orderId>1</orderId><buyerOrder><description>{description}</description>\
         </buyerOrder></orderEvent><meta><messageId>{message_id}</messageId></meta></OrderWebhook>"
    )
}

fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

/// One byte for each character: ISO-8859-1 is the beginning of Unicode.
fn latin_1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(character).unwrap()).collect()
}

#[rstest]
#[tokio::test]
async fn what_is_written_in_any_of_them_is_handed_on_as_it_reads(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = store.with(&format!("handlers.erp = {{ type = 'http', url = '{}' }}", erp.url("/")));

    for (name, media_type, _) in BODIES {
        let answer = receiver.sender().send(Message::typed(media_type, fixture(name))).await;

        assert_eq!(answer.status, Some(202), "{name}: {answer:?}");
        assert!(receiver.body_of(&answer.id()) == fixture(name), "{name} is kept with other bytes");
    }
    for request in erp.wait_for(BODIES.len()).await {
        let event = request.json();
        let id = event["id"].as_str().unwrap();
        let said = |file: &str| String::from_utf8_lossy(&fixture(file)).replace('\0', "").contains(&format!(">{id}<"));
        let (name, _, description) = BODIES.into_iter().find(|(name, ..)| said(name)).unwrap();
        assert_eq!(event["data"]["orderEvent"]["buyerOrder"]["description"], description, "{name}");
        assert_eq!((&event["datacontenttype"], &event["tcformat"]), (&json!("application/json"), &json!("txml")));
    }
}

#[tokio::test]
async fn whoever_wants_the_original_gets_its_bytes_and_its_media_type() {
    let erp = Erp::start();
    let receiver =
        Receiver::with(&format!("handlers.erp = {{ type = 'http', url = '{}', format = 'original' }}", erp.url("/")));
    let (name, media_type, _) = BODIES[3];

    receiver.sender().send(Message::typed(media_type, fixture(name))).await;

    let request = erp.wait_for(1).await.remove(0);
    assert_eq!(request.header("content-type"), media_type);
    assert!(request.body == fixture(name), "{:?}", request.body);
}

/// RFC 7303, 3: the mark, then the media type, then the declaration. What the first bytes show beyond doubt goes
/// before what anybody says; so does UTF-8 that nothing but a charset denies.
#[tokio::test]
async fn what_shows_goes_before_what_the_media_type_says_and_that_before_the_declaration() {
    let declared = |encoding: &str| format!("<?xml version='1.0' encoding='{encoding}'?>{}", order("m", "é"));
    let marked = |text: &str| [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    let cases: [(&str, &str, Vec<u8>); 10] = [
        ("all its bytes", "text/xml; charset=iso-8859-1", declared("utf-8").into_bytes()),
        ("the mark", "text/xml; charset=iso-8859-1", marked(&declared("iso-8859-1"))),
        ("the media type", "text/xml; charset=iso-8859-1", latin_1(&declared("utf-8"))),
        ("the media type, quoted", "text/xml;x=y ; CharSet = \"latin1\"", latin_1(&declared("utf-8"))),
        ("the media type of UTF-8", "application/xml; charset=utf-8", declared("iso-8859-1").into_bytes()),
        ("the declaration", "application/xml", latin_1(&declared("iso-8859-1"))),
        ("an unknown charset", "application/xml; charset=binary", latin_1(&declared("iso-8859-1"))),
        ("no charset", "application/xml; charset=", declared("utf-8").into_bytes()),
        ("two bytes for a character", "application/xml; charset=utf-8", utf_16(&declared("utf-8"), u16::to_le_bytes)),
        ("one byte for a character", "application/xml; charset=utf-16le", declared("utf-16").into_bytes()),
    ];

    for (what, media_type, body) in cases {
        let event = sent(media_type, body).await;

        assert_eq!(event["data"]["orderEvent"]["buyerOrder"]["description"], "é", "{what}");
    }
}

/// What a receiver hands on of a body.
async fn sent(media_type: &str, body: Vec<u8>) -> Value {
    let receiver = Receiver::with("handlers.disk = { type = \"file\", directory = \"events\" }");
    let answer = receiver.sender().send(Message::typed(media_type, body)).await;
    assert_eq!(answer.status, Some(202), "{answer:?}");
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    let file = std::fs::read_dir(receiver.path("events")).unwrap().next().unwrap().unwrap();
    serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap()
}

#[rstest]
#[tokio::test]
async fn the_same_message_in_another_encoding_is_the_same_event(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let declared =
        |encoding: &str, text: &str| format!("<?xml version='1.0' encoding='{encoding}'?>{}", order("m", text));
    let first = Message::xml(declared("utf-8", "é"));
    let again = [
        Message::xml(latin_1(&declared("iso-8859-1", "é"))),
        Message::typed("text/xml; charset=latin1", latin_1(&order("m", "é"))),
        Message::xml(utf_16(&declared("utf-16", "é"), u16::to_be_bytes)),
        Message::xml(declared("utf8", "&#233;")),
        // A charset that a server has added.
        Message::typed("text/xml; charset=latin1", declared("utf-8", "é")),
        Message::typed("text/xml; charset=iso-8859-15", order("m", "é")),
        json!({"orderEvent": {"orderId": "1", "buyerOrder": {"description": "é"}}, "meta": {"messageId": "m"}}).into(),
    ];

    assert_eq!(receiver.sender().send(first).await.json(), json!({"status": "stored", "id": "m"}));
    for message in again {
        let answer = receiver.sender().send(message.clone()).await;
        assert_eq!(answer.json()["repeated"], true, "{message:?}: {answer:?}");
    }
    // The same bytes, read as something else: both say so.
    let other = receiver.sender().send(Message::typed("text/xml; charset=latin1", declared("latin1", "é"))).await;
    assert!(other.id().starts_with("m~"), "{other:?}");
    assert_eq!(receiver.inbox().len(), 2);
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_read_in_its_encoding_is_refused_with_its_place_and_kept(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let receiver = store.with("");
    let declared = |encoding: &str| format!("<?xml version=\"1.0\"\n encoding=\"{encoding}\"?>{}", order("m", "é"));
    let with = |start: &str, bytes: &[u8]| [start.as_bytes(), bytes].concat();
    let cases: [(&str, Vec<u8>, &str); 9] = [
        (
            "application/xml",
            declared("x-nobody-knows").into_bytes(),
            "line 2, column 12: the encoding that is declared is not one that is known here; send it as UTF-8",
        ),
        ("application/xml", declared("").into_bytes(), "line 2, column 12: this is no name of an encoding"),
        (
            "application/xml",
            latin_1(&order("m", "é")),
            "line 2, column 58: the text is not UTF-8, which it has to be if nothing else is declared",
        ),
        (
            "application/xml",
            latin_1(&declared("utf-8")),
            "line 3, column 58: the text is not UTF-8, as its declaration says",
        ),
        (
            "application/xml; charset=utf-8",
            latin_1(&declared("latin1")),
            "line 3, column 58: the text is not UTF-8, as its media type says",
        ),
        (
            "application/xml; charset=shift_jis",
            with("<a>\n<b/>", b"\xFF</a>"),
            "line 2, column 5: the text is not Shift_JIS, as its media type says",
        ),
        (
            "application/xml",
            [
                b"\xFF\xFE".as_slice(),
                &utf_16("<a>\né", u16::to_le_bytes),
                b"\x00\xD8",
                &utf_16("</a>", u16::to_le_bytes),
            ]
            .concat(),
            "line 2, column 2: the text is not UTF-16LE, as its first bytes say",
        ),
        (
            "application/xml",
            b"\xFF\xFE\0\0<\0\0\0a\0\0\0/\0\0\0>\0\0\0".to_vec(),
            "line 1, column 1: the text is UTF-32; send it as UTF-8",
        ),
        (
            "application/xml",
            utf_16("<a>\n é<b></a>", u16::to_be_bytes),
            "line 2, column 6: this end tag belongs to another start tag",
        ),
    ];

    for (media_type, body, said) in cases {
        let answer = receiver.sender().send(Message::typed(media_type, body.clone())).await;

        assert_eq!(answer.status, Some(400), "{answer:?}");
        assert_eq!(answer.detail(), said);
        assert!(receiver.body_of(&answer.id()) == body, "{said}: it is kept with other bytes");
    }
}

/// An event as the bytes of a body.
type Written = fn(&Value) -> Vec<u8>;

/// RFC 8259, 8.1: JSON is UTF-8, whatever a charset says, which it has none of (11). UTF-16, as its older editions
/// allowed it, shows by its first bytes.
#[rstest]
#[tokio::test]
async fn json_is_utf_8_or_shows_that_it_is_utf_16(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("handlers.disk = { type = \"file\", directory = \"events\" }");
    let event = |text: &str| {
        let mut event = order_event("1");
        event["orderEvent"]["reason"] = text.into();
        event
    };
    let taken: [(&str, Written); 4] = [
        ("application/json; charset=iso-8859-1", |event| event.to_string().into_bytes()),
        ("application/json", |event| utf_16(&format!("\u{feff}{event}"), u16::to_le_bytes)),
        ("application/json; charset=utf-8", |event| utf_16(&format!(" {event}\n"), u16::to_be_bytes)),
        ("text/plain", |event| utf_16(&event.to_string(), u16::to_le_bytes)),
    ];
    let latin = latin_1(&json!({"orderEvent": {"orderId": "é"}}).to_string());
    let utf_32: Vec<u8> = "{\"orderEvent\":{}}".chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect();

    for (media_type, written) in taken {
        let event = event(UNICODE);
        let answer = receiver.sender().send(Message::typed(media_type, written(&event))).await;
        assert_eq!(answer.json(), json!({"status": "stored", "id": message_id(&event)}), "{media_type}");
        assert!(receiver.body_of(&answer.id()) == written(&event));
        let again = receiver.sender().send(event).await;
        assert_eq!(again.json()["repeated"], true, "{again:?}");
    }
    let in_latin = receiver.sender().send(Message::typed("application/json; charset=iso-8859-1", latin)).await;
    let in_utf_32 = receiver.sender().send(Message::json(utf_32)).await;

    let of_utf_8 =
        "line 1, column 27: the text is not UTF-8, which JSON has to be whatever its media type says (RFC 8259)";
    assert_eq!((in_latin.status, in_latin.detail().as_str()), (Some(400), of_utf_8));
    assert_eq!(in_utf_32.detail(), "line 1, column 1: the text is UTF-32; send it as UTF-8");
    receiver.inbox_until(|events| events.iter().filter(|event| event["state"] == "done").count() == 4).await;
    for file in std::fs::read_dir(receiver.path("events")).unwrap() {
        let event: Value = serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        assert_eq!((&event["data"]["orderEvent"]["reason"], &event["tcformat"]), (&json!(UNICODE), &json!("json")));
    }
}
