//! tXML becomes the JSON that Tradecloud would have sent.

use serde_json::{Value, json};
use tradecloud_webhook::decode::to_json;
use tradecloud_webhook::model::Format;

/// The JSON of a document with the given content.
fn of(content: &str) -> Value {
    let xml = format!("<OrderWebhook>{content}</OrderWebhook>");
    let json = to_json(Format::Txml, None, xml.as_bytes()).unwrap();
    serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&json)))
}

/// The JSON of a field of an order.
fn of_line(content: &str) -> Value {
    of(&format!("<line>{content}</line>"))["lines"][0].take()
}

#[test]
fn a_list_has_its_entries_anywhere_among_its_siblings_and_may_have_one() {
    assert_eq!(
        of("<orderEvent><line><id>1</id></line><orderId>o</orderId><line><id>2</id></line></orderEvent>"),
        json!({"orderEvent": {"lines": [{"id": "1"}, {"id": "2"}], "orderId": "o"}})
    );
    assert_eq!(of_line("<deliveryScheduleLine/>"), json!({"deliverySchedule": [{}]}));
    assert_eq!(
        of_line(
            "<deliveryScheduleIncludingRequestsLine><quantity>1</quantity></deliveryScheduleIncludingRequestsLine>"
        ),
        json!({"deliveryScheduleIncludingRequests": [{"quantity": 1}]})
    );
}

#[test]
fn name_is_a_list_in_a_party_and_a_text_in_an_item() {
    assert_eq!(
        of("<buyerOrder><buyerParty><name>A</name></buyerParty><document><name>B</name></document></buyerOrder>"),
        json!({"buyerOrder": {"buyerParty": {"names": ["A"]}, "documents": [{"name": "B"}]}})
    );
    assert_eq!(
        of_line("<buyerLine><item><name>C</name></item></buyerLine>"),
        json!({"buyerLine": {"item": {"name": "C"}}})
    );
}

#[test]
fn numbers_keep_their_digits_and_identifiers_their_zeros() {
    for digits in ["1234.560", "0.1", "-0", "123456789012345678901234567890.123456789", "1e-999999999"] {
        let line = of_line(&format!("<deliveryScheduleLine><quantity> {digits}\n</quantity></deliveryScheduleLine>"));
        assert_eq!(line["deliverySchedule"][0]["quantity"].to_string(), digits);
    }
    assert_eq!(of_line("<buyerLine><position>0010</position></buyerLine>"), json!({"buyerLine": {"position": "0010"}}));
}

#[test]
fn what_is_no_number_or_boolean_stays_a_text() {
    for text in ["1,5", "010", "+1", " ", "", "NaN", "1 2"] {
        let line = of_line(&format!("<deliveryScheduleLine><quantity>{text}</quantity></deliveryScheduleLine>"));
        assert_eq!(line["deliverySchedule"][0]["quantity"], json!(text));
    }
    assert_eq!(
        of_line("<indicators><deliveryOverdue>true</deliveryOverdue></indicators>"),
        json!({"indicators": {"deliveryOverdue": true}})
    );
    assert_eq!(
        of_line("<indicators><deliveryOverdue>yes</deliveryOverdue></indicators>"),
        json!({"indicators": {"deliveryOverdue": "yes"}})
    );
}

#[test]
fn text_is_exact_and_layout_is_not_text() {
    assert_eq!(
        of(
            "\n\t<orderEvent>\r\n  <reason> a &lt;b&gt;\r\n<![CDATA[ & ]]>&#13;<!-- not this -->\u{1F600} </reason>\n</orderEvent>\n"
        ),
        json!({"orderEvent": {"reason": " a <b>\n & \r\u{1F600} "}})
    );
    assert_eq!(
        of_line("<deliveryScheduleLine><quantity>12<!-- -->34</quantity></deliveryScheduleLine>")["deliverySchedule"]
            [0]["quantity"],
        json!(1234)
    );
}

#[test]
fn an_empty_element_is_an_empty_text_or_an_empty_object() {
    assert_eq!(
        of("<orderEvent><reason/><buyerOrder/><buyerOrder2/></orderEvent>"),
        json!({"orderEvent": {"reason": "", "buyerOrder": {}, "buyerOrder2": ""}})
    );
}

#[test]
fn nil_is_null() {
    assert_eq!(
        of(
            "<reason xsi:nil='true'/><version xsi:nil=\"1\"></version><buyerOrder i:nil='true'/><line xsi:nil='true'/><new xsi:nil='false'/>"
        ),
        json!({"reason": null, "version": null, "buyerOrder": null, "lines": [null], "new": ""})
    );
    // A value that is there is not thrown away.
    assert_eq!(of("<reason xsi:nil='true'>x</reason>"), json!({"reason": "x"}));
}

#[test]
fn unknown_elements_survive_by_what_they_hold() {
    assert_eq!(
        of("<new>007</new><many>1</many><lines2><a>x</a></lines2><many>2</many>"),
        json!({"new": "007", "many": ["1", "2"], "lines2": {"a": "x"}})
    );
}

#[test]
fn what_the_model_knows_everywhere_it_knows_inside_unknown_objects_too() {
    assert_eq!(
        of("<new><note>n</note><quantity>1.50</quantity><document><code>1</code></document><name>x</name></new>"),
        json!({"new": {
            "notes": ["n"],
            "quantity": "1.50".parse::<serde_json::Number>().unwrap(),
            "documents": [{"code": "1"}],
            "name": "x",
        }})
    );
}

#[test]
fn mixed_content_and_attributes_survive() {
    assert_eq!(
        of("<new unit='kg' b=\"&lt;\n&#10;x\">5</new><reason lang='en'>r</reason><empty a='1'/>"),
        json!({"new": {"@unit": "kg", "@b": "< \nx", "#text": "5"}, "reason": "r", "empty": {"@a": "1"}})
    );
    assert_eq!(of("<new>a <b>x</b>\n<c/> &amp; z</new>"), json!({"new": {"#text": "a  & z", "b": "x", "c": ""}}));
    assert_eq!(
        of("<buyerOrder x:id='1' xmlns:x='u'>text</buyerOrder>"),
        json!({"buyerOrder": {"@x:id": "1", "#text": "text"}})
    );
    assert_eq!(of("<reason>a<b>c</b></reason>"), json!({"reason": {"#text": "a", "b": "c"}}));
}

#[test]
fn no_key_is_written_twice() {
    for (content, expected) in [
        ("<reason>1</reason><reason>2</reason>", json!({"reason": ["1", "2"]})),
        ("<line><id>1</id></line><lines>x</lines>", json!({"lines": [{"id": "1"}, "x"]})),
        ("<lines>x</lines><line><id>1</id></line>", json!({"lines": ["x", {"id": "1"}]})),
        ("<lines>x</lines>", json!({"lines": "x"})),
        ("<p:a>1</p:a><a>2</a>", json!({"a": ["1", "2"]})),
        ("<new p:a='1' a='2'/>", json!({"new": {"@p:a": "1", "@a": "2"}})),
    ] {
        let xml = format!("<a>{content}</a>");
        let text = String::from_utf8(to_json(Format::Txml, None, xml.as_bytes()).unwrap().into_owned()).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json, expected, "{content}");
        // A map would have swallowed the second of two keys.
        assert_eq!(json.to_string().len(), text.len(), "{text}");
    }
}

#[test]
fn a_thousand_different_elements_are_sorted_out_like_three() {
    let entry = |i: usize| format!("<line><id>{i}</id></line><e{i}>{i}</e{i}><note>{i}</note>");
    let content: Vec<_> = (0..1000).map(entry).collect();
    let json = of(&content.concat());
    assert_eq!(json.as_object().unwrap().len(), 1002);
    for i in 0..1000 {
        let text = json!(i.to_string());
        assert_eq!(json["lines"][i]["id"], text);
        assert_eq!(json["notes"][i], text);
        assert_eq!(json[format!("e{i}")], text);
    }
}

#[test]
fn the_root_may_have_any_name_and_a_bare_order_is_read_as_one() {
    let json = to_json(
        Format::Txml,
        None,
        b"<Anything><id>1</id><version>2</version><line><lineType>Item</lineType></line></Anything>",
    )
    .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&json).unwrap(),
        json!({"id": "1", "version": 2, "lines": [{"lineType": "Item"}]})
    );
}
