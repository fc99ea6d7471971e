//! A table of PostgreSQL. The server is shared, so it is the network to it that fails; a server that
//! really stops has a test of its own.

use async_trait::async_trait;

use super::{BackEnd, Mood};
use crate::handlers::postgres::make;
use crate::support::postgres::{Postgres, ROLE};
use crate::support::proxy::Proxy;
use crate::support::server::in_background;

const TABLE: &str = "tradecloud_events";

/// The row as the object that it was made from. What is the same for every event is in no column.
const CLOUD_EVENT: &str = r#"SELECT json_build_object(
    'specversion', '1.0', 'id', id, 'source', source, 'type', type, 'subject', subject,
    'time', to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'datacontenttype', 'application/json',
    'tcreceived', to_char(tcreceived AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'tcattempt', tcattempt, 'tcformat', tcformat, 'tcorigin', tcorigin, 'data', data)
    FROM tradecloud_events ORDER BY position"#;

pub(super) struct Table {
    server: &'static Postgres,
    network: Proxy,
    database: String,
}

impl Table {
    pub(super) async fn start() -> Self {
        let (server, database) = in_background(|| {
            let server = Postgres::shared();
            let database = server.database();
            make(server, &database, TABLE);
            // A column of the user's own, which notes the order, and one that is filled if it is there.
            let column =
                format!("SET ROLE {ROLE}; ALTER TABLE {TABLE} ADD COLUMN position bigserial, ADD COLUMN tcorigin text");
            server.sql(&database, &column);
            (server, database)
        })
        .await;
        let network = Proxy::to(([127, 0, 0, 1], server.port()).into()).await;
        Self { server, network, database }
    }

    async fn sql(&self, statement: &'static str) -> String {
        let (server, database) = (self.server, self.database.clone());
        in_background(move || server.sql(&database, statement)).await
    }
}

#[async_trait]
impl BackEnd for Table {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn table(&self) -> String {
        let port = |port: u16| format!(":{port}/");
        let url =
            self.server.url(&self.database).replace(&port(self.server.port()), &port(self.network.address().port()));
        format!("type = 'postgres'\nurl = '{url}'\ntable = '{TABLE}'")
    }

    fn reason(&self, mood: Mood) -> Result<&'static str, &'static str> {
        Ok(match mood {
            Mood::Accepts => "",
            Mood::RefusesForGood => "no_such_item",
            Mood::RefusesForNow => "Grant INSERT and SELECT",
            Mood::Hangs => "no answer within",
            Mood::Vanished => "127.0.0.1",
        })
    }

    async fn set(&mut self, mood: Mood) {
        match mood {
            Mood::Hangs => self.network.stall(),
            Mood::Vanished => self.network.take_down().await,
            Mood::RefusesForGood => {
                self.sql("ALTER TABLE tradecloud_events ADD CONSTRAINT no_such_item CHECK (false) NOT VALID").await;
            }
            Mood::RefusesForNow => {
                self.sql("REVOKE INSERT ON tradecloud_events FROM receiver").await;
            }
            Mood::Accepts => {
                self.sql(
                    "ALTER TABLE tradecloud_events DROP CONSTRAINT IF EXISTS no_such_item; \
                     GRANT INSERT ON tradecloud_events TO receiver",
                )
                .await;
                self.network.pass().await;
            }
        }
    }

    async fn taken(&self) -> Vec<String> {
        self.sql(CLOUD_EVENT).await.lines().map(str::to_owned).collect()
    }
}
