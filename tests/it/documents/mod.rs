//! The documents say what is true: their links lead somewhere, their commands work, their configurations are
//! understood, and what they tell of answers, alarms, keys and events is what the program does.

mod alarms;
mod commands;
mod configuration;
mod events;
mod examples;
mod links;
mod tables;
mod tradecloud;
mod walk;
