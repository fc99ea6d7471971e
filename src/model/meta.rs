//! What Tradecloud says about the message itself.

use super::moment::DateTime;

described! {
    /// About the message: which one it is, and where it comes from.
    pub struct MessageMeta {
        /// Identifies the message; a repeated one carries the same.
        message_id: Option<String> = "messageId",
        /// Where it comes from.
        source: Option<MessageSource> = "source",
        /// When Tradecloud made it.
        created_date_time: Option<DateTime> = "createdDateTime",
    }

    /// Where a message comes from.
    pub struct MessageSource {
        /// The same for everything that one action caused.
        trace_id: Option<String> = "traceId",
        /// The user who acted.
        user_id: Option<String> = "userId",
        /// The company that acted.
        company_id: Option<String> = "companyId",
        /// What the user acted with.
        origin: Option<String> = "origin",
    }
}
