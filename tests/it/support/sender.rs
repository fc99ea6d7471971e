//! A sender that judges each answer as Tradecloud does.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, Method, RequestBuilder, Version, header::HeaderMap};
use serde_json::{Value, json};
use tradecloud_webhook::respond::Verdict;
use uuid::Uuid;

/// Every status the receiver may answer with, and 414 and 431 for absurd addresses and heads.
const TABLE: [u16; 17] = [200, 202, 400, 401, 403, 404, 405, 409, 410, 413, 414, 415, 422, 431, 502, 503, 504];

/// Headers that every answer has, as scanners and browsers want them.
const HEADERS_OF_ALL: [(&str, &str); 4] = [
    ("strict-transport-security", "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cache-control", "no-store"),
];

/// Tradecloud, as seen from the receiver: over TLS, with credentials. HTTP/2 unless told otherwise.
///
/// Whatever it sends, an answer that breaks one of the rules for all answers fails the test.
#[derive(Clone)]
pub struct Sender {
    client: Client,
    ca: Vec<u8>,
    /// Names that lead to this machine.
    known: Vec<String>,
    url: String,
    basic: Option<(String, String)>,
    bearer: Option<String>,
}

/// What the receiver said, or that it said nothing.
#[derive(Debug)]
pub struct Answer {
    /// `None`: the connection broke, or could not be made.
    pub status: Option<u16>,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: String,
}

/// A body with its media type.
#[derive(Debug, Clone)]
pub struct Message {
    pub content_type: Option<String>,
    pub body: Vec<u8>,
}

impl Sender {
    /// A sender to `url` that trusts `ca` (PEM). Without credentials.
    pub fn new(url: String, ca: Vec<u8>) -> Self {
        Self { client: client(&ca, &[], |builder| builder), ca, known: Vec::new(), url, basic: None, bearer: None }
    }

    /// Over HTTP/1.1.
    pub fn http1(self) -> Self {
        Self { client: client(&self.ca, &self.known, ClientBuilder::http1_only), ..self }
    }

    /// With a connection of its own for each request.
    pub fn reconnecting(self) -> Self {
        Self { client: client(&self.ca, &self.known, |builder| builder.pool_max_idle_per_host(0)), ..self }
    }

    /// From that address of the machine.
    pub fn from(self, address: IpAddr) -> Self {
        Self { client: client(&self.ca, &self.known, |builder| builder.local_address(address)), ..self }
    }

    /// For whom that name leads to this machine.
    pub fn knowing(mut self, name: &str) -> Self {
        self.known.push(name.to_owned());
        Self { client: client(&self.ca, &self.known, |builder| builder), ..self }
    }

    /// With user name and password, instead of any other credentials.
    pub fn basic(self, username: &str, password: &str) -> Self {
        Self { basic: Some((username.to_owned(), password.to_owned())), bearer: None, ..self }
    }

    /// With a token, instead of any other credentials.
    pub fn bearer(self, token: &str) -> Self {
        Self { bearer: Some(token.to_owned()), basic: None, ..self }
    }

    /// Without credentials.
    pub fn anonymous(self) -> Self {
        Self { basic: None, bearer: None, ..self }
    }

    /// To another address.
    pub fn to(self, url: String) -> Self {
        Self { url, ..self }
    }

    /// Sends a message and judges the answer.
    pub async fn send(&self, message: impl Into<Message>) -> Answer {
        self.send_by(Method::POST, message).await
    }

    /// Sends a message by another method and judges the answer.
    pub async fn send_by(&self, method: Method, message: impl Into<Message>) -> Answer {
        let message = message.into();
        let mut request = self.request(method).body(message.body);
        if let Some(content_type) = message.content_type {
            request = request.header("content-type", content_type);
        }
        self.finish(request).await
    }

    /// A request with the credentials, to be completed and given to [`Sender::finish`].
    pub fn request(&self, method: Method) -> RequestBuilder {
        let mut request = self.client.request(method, &self.url);
        if let Some((username, password)) = &self.basic {
            request = request.basic_auth(username, Some(password));
        }
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        request
    }

    /// Sends the request and judges the answer.
    pub async fn finish(&self, request: RequestBuilder) -> Answer {
        match request.send().await {
            Err(_) => {
                Answer { status: None, version: Version::default(), headers: HeaderMap::new(), body: String::new() }
            }
            Ok(answer) => Answer {
                status: Some(answer.status().as_u16()),
                version: answer.version(),
                headers: answer.headers().clone(),
                body: answer.text().await.unwrap_or_default(),
            }
            .judged(),
        }
    }
}

fn client(ca: &[u8], known: &[String], set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    // Nobody else in this process has asked for another provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = Client::builder().tls_certs_only([Certificate::from_pem(ca).unwrap()]).no_proxy();
    let builder = known.iter().fold(builder, |builder, name| builder.resolve(name, ([127, 0, 0, 1], 0).into()));
    set(builder).timeout(Duration::from_secs(60)).build().unwrap()
}

impl Answer {
    /// Tradecloud is done with the event.
    pub fn is_delivered(&self) -> bool {
        self.verdict() == Verdict::Delivered
    }

    /// Tradecloud drops the event for good.
    pub fn is_lost(&self) -> bool {
        self.verdict() == Verdict::Lost
    }

    /// Tradecloud sends the event again.
    pub fn will_retry(&self) -> bool {
        self.verdict() == Verdict::WillRetry
    }

    /// The JSON of the body.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The `detail` of a problem document.
    pub fn detail(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        self.json()["detail"].as_str().unwrap().to_owned()
    }

    /// The `id` that the event or the refused body is kept under.
    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_else(|| panic!("no id: {self:?}")).to_owned()
    }

    /// All values of a header.
    pub fn all(&self, header: &str) -> Vec<&str> {
        self.headers.get_all(header).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The answer itself, if it keeps the rules that hold for all of them.
    pub fn judged(self) -> Self {
        let status = self.status.unwrap();
        assert!(TABLE.contains(&status), "not a status that the receiver may send: {self:?}");
        for (header, value) in HEADERS_OF_ALL {
            assert_eq!(self.all(header), [value], "{self:?}");
        }
        assert!(!self.headers.contains_key("server"), "{self:?}");
        assert_eq!(self.headers.contains_key("retry-after"), self.will_retry(), "{self:?}");
        assert_eq!(self.headers.contains_key("www-authenticate"), status == 401, "{self:?}");
        let media_type = if self.is_delivered() { "application/json" } else { "application/problem+json" };
        assert_eq!(self.all("content-type"), [media_type], "{self:?}");
        self
    }

    fn verdict(&self) -> Verdict {
        self.status.map_or(Verdict::WillRetry, Verdict::of)
    }
}

impl Message {
    /// JSON with its media type.
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::typed("application/json", body)
    }

    /// tXML with its media type.
    pub fn xml(body: impl Into<Vec<u8>>) -> Self {
        Self::typed("application/xml", body)
    }

    /// A body with a media type of its own.
    pub fn typed(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { content_type: Some(content_type.to_owned()), body: body.into() }
    }

    /// A body without media type.
    pub fn untyped(body: impl Into<Vec<u8>>) -> Self {
        Self { content_type: None, body: body.into() }
    }
}

impl From<Value> for Message {
    fn from(body: Value) -> Self {
        Self::json(body.to_string())
    }
}

/// A new order event of order `order`; its `messageId` is new each time.
pub fn order_event(order: &str) -> Value {
    json!({
        "eventName": "OrderIssuedByBuyer",
        "orderEvent": {
            "orderId": order,
            "buyerOrder": {"companyId": "c1", "purchaseOrderNumber": format!("PO-{order}")},
            "lines": [{"id": "1", "buyerLine": {"position": "0001"}}]
        },
        "meta": {
            "messageId": Uuid::new_v4().to_string(),
            "source": {"traceId": Uuid::new_v4().to_string(), "companyId": "c1"},
            "createdDateTime": "2026-03-01T10:11:12.345Z"
        }
    })
}

/// What [`order_event`] says, in tXML and with that `messageId`.
pub fn order_event_in_xml(order: &str, message_id: &str) -> String {
    format!(
        "<OrderWebhook><eventName>OrderIssuedByBuyer</eventName><orderEvent><orderId>{order}</orderId>\
         <line><id>1</id><buyerLine><position>0001</position></buyerLine></line><buyerOrder><companyId>c1</companyId>\
         <purchaseOrderNumber>PO-{order}</purchaseOrderNumber></buyerOrder></orderEvent>\
         <meta><messageId>{message_id}</messageId></meta></OrderWebhook>"
    )
}

/// The `messageId` of an event.
pub fn message_id(event: &Value) -> String {
    event["meta"]["messageId"].as_str().unwrap().to_owned()
}
