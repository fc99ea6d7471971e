//! Whatever is in an event is text on its page: markup, control characters, letters that turn the direction, numbers
//! that no computer has a type for, other encodings.

use super::{Said, get, signed_in};
use crate::support::receiver::Receiver;
use crate::support::sender::Message;

const NUMBER: &str = "123456789012345678901234567890.10";

fn page(receiver: &Receiver, cookie: &str, path: &str) -> Said {
    get(receiver, path).cookie(cookie).send()
}

/// Its only event, on its page, in the list and in the order.
async fn shown(body: Message, is_event: bool) -> String {
    let receiver = Receiver::with("handlers.disk = { type = 'file', directory = 'events' }");
    receiver.sender().send(body).await;
    let wanted = if is_event { "done" } else { "refused" };
    receiver.inbox_until(|events| events.len() == 1 && events[0]["state"] == wanted).await;
    let cookie = signed_in(&receiver);
    let key = receiver.inbox()[0]["key"].as_str().unwrap().to_owned();
    let paths = [
        "/".to_owned(),
        "/events".to_owned(),
        "/orders?number=%22%3E%3Cimg%20src%3Dx%20onerror%3Dx%3E".to_owned(),
        format!("/events/{key}"),
        format!("/events/{key}?view=delivered"),
    ];
    let mut all = String::new();
    for path in paths {
        let said = page(&receiver, &cookie, &path);
        assert_eq!(said.status, 200, "{path}: {}", said.text());
        all += &said.text();
    }
    let downloaded = page(&receiver, &cookie, &format!("/events/{key}/body"));
    assert_eq!(downloaded.body, receiver.body_of(receiver.inbox()[0]["id"].as_str().unwrap()), "to the byte");
    all
}

fn is_harmless(html: &str) {
    for markup in ["<img", "</pre><script", "<script>", "<u>"] {
        assert!(!html.contains(markup), "{markup}: {html}");
    }
    let steers = |letter: &char| letter.is_control() && *letter != '\n' || ('\u{202a}'..='\u{202e}').contains(letter);
    assert_eq!(html.chars().find(steers), None);
}

#[tokio::test]
async fn markup_and_letters_that_turn_the_direction_are_text() {
    let html = shown(
        Message::json(format!(
            r#"{{"eventName": "<u>Order\u202e", "orderEvent": {{"orderId": "\"><img src=x onerror=x>",
                "buyerOrder": {{"companyId": "</pre><script>", "purchaseOrderNumber": "PO \u202e\u0007'<u>"}},
                "lines": [{{"buyerLine": {{"position": "<u>10", "item": {{"number": "</pre><script>alert(1)</script>"}}}},
                            "deliverySchedule": [{{"quantity": {NUMBER}, "date": "2026-03-01"}}]}}]}},
                "meta": {{"messageId": "../../livez"}}}}"#
        )),
        true,
    )
    .await;

    is_harmless(&html);
    assert!(html.contains("&#60;/pre&#62;&#60;script&#62;alert(1)"), "{html}");
    assert!(html.matches(NUMBER).count() >= 3, "in the table, as received and as delivered: {html}");
}

#[tokio::test]
async fn a_body_that_is_nothing_is_text() {
    let html =
        shown(Message::json(b"{</pre><script>x</script>\x00\x1b[31m\xff\xe2\x80\xae\r\n<u>".to_vec()), false).await;

    is_harmless(&html);
    assert!(
        html.contains(
            "{&#60;/pre&#62;&#60;script&#62;x&#60;/script&#62;\u{fffd}\u{fffd}[31m<mark>\u{fffd}</mark>\u{fffd}</li>"
        ),
        "{html}"
    );
}

#[tokio::test]
async fn letters_of_other_encodings_are_those_letters() {
    let body = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><OrderWebhook><eventName>OrderIssuedByBuyer</eventName>\
                <orderEvent><orderId>1</orderId><buyerOrder><companyId>c1</companyId>\
                <purchaseOrderNumber>Grün-ß</purchaseOrderNumber></buyerOrder></orderEvent></OrderWebhook>";
    let bytes: Vec<u8> = body.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();

    let html = shown(Message::xml(bytes), true).await;

    assert!(html.matches("Grün-ß").count() >= 4 && !html.contains('\u{fffd}'), "{html}");
}
