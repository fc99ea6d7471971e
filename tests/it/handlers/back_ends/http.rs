//! An HTTP server.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::{BackEnd, Mood};
use crate::support::erp::{Answer, Erp};

/// It answers by its mood, and remembers what it answered 200.
pub(in crate::handlers) struct Http {
    erp: Erp,
    mood: Arc<Mutex<Mood>>,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Http {
    pub(in crate::handlers) fn start() -> Self {
        let (erp, mood, taken) = (Erp::start(), Arc::new(Mutex::new(Mood::Accepts)), Arc::<Mutex<Vec<_>>>::default());
        let (now, notes) = (Arc::clone(&mood), Arc::clone(&taken));
        erp.answer_by(move |request| match *now.lock().unwrap() {
            Mood::RefusesForGood => Answer::status(422).body("text/plain", "no such item\nat line 2"),
            Mood::RefusesForNow => Answer::status(503).body("text/plain", "database is locked"),
            Mood::Hangs => Answer::hang(),
            Mood::Accepts | Mood::Vanished => {
                if request.method == "POST" {
                    notes.lock().unwrap().push(String::from_utf8(request.body.to_vec()).unwrap());
                }
                Answer::status(200)
            }
        });
        Self { erp, mood, taken }
    }
}

#[async_trait]
impl BackEnd for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn table(&self) -> String {
        format!("type = 'http'\nurl = '{}'", self.erp.url("/tradecloud"))
    }

    fn reason(&self, mood: Mood) -> Result<&'static str, &'static str> {
        Ok(match mood {
            Mood::Accepts => "",
            Mood::RefusesForGood => "no such item",
            Mood::RefusesForNow => "database is locked",
            Mood::Hangs => "gave no answer within",
            Mood::Vanished => "cannot connect",
        })
    }

    async fn set(&mut self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
        if mood == Mood::Vanished {
            self.erp.stop();
        } else if !self.erp.is_running() {
            self.erp.restart();
        }
    }

    async fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}
