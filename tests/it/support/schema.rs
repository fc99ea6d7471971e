//! JSON Schemas (2020-12), as far as those of this repository use them. A keyword that is not known here is a fault of the
//! test, so that nothing passes because nobody looked; `scripts/openapi` holds the same documents against other tools.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What says something about a schema, and nothing about a value.
const NOTES: [&str; 12] = [
    "$schema",
    "$defs",
    "$comment",
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "contentMediaType",
    "pattern",
    "required",
];

/// A document with schemas in it.
pub struct Document {
    pub json: Value,
    file: PathBuf,
    /// Whether a field that no schema names is a fault: in what this program says itself.
    is_strict: bool,
}

impl Document {
    /// That file of this repository.
    pub fn read(path: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { json: serde_json::from_str(&text).unwrap(), file, is_strict: false }
    }

    /// The same, for answers that have no other fields than it names.
    pub fn strictly(path: &str) -> Self {
        Self { is_strict: true, ..Self::read(path) }
    }

    /// What is wrong with a value by the schema that is the whole document.
    pub fn faults(&self, value: &Value) -> Vec<String> {
        self.faults_by(&self.json, value)
    }

    /// The same by a schema in the document.
    pub fn faults_by(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(schema, value, "$", &mut faults);
        faults
    }

    /// What a reference leads to, and in which document that is, if it is another one.
    pub fn resolve<'v>(&'v self, schema: &'v Value) -> &'v Value {
        let Some(target) = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#')) else { return schema };
        let found = self.json.pointer(target).unwrap_or_else(|| panic!("there is no {target}"));
        self.resolve(found)
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let Value::Object(rules) = schema else {
            assert_eq!(schema, &Value::Bool(true), "a schema at {at}");
            return;
        };
        let before = faults.len();
        for (keyword, rule) in rules {
            self.keyword(keyword, rule, rules, value, at, faults);
        }
        if let (Some(fields), Value::Object(object)) = (rules.get("required").and_then(Value::as_array), value) {
            let missing = fields.iter().filter_map(Value::as_str).filter(|field| !object.contains_key(*field));
            faults.extend(missing.map(|field| format!("{at} has no {field}")));
        }
        if faults.len() > before && faults.len() > 20 {
            faults.truncate(20);
        }
    }

    fn keyword(
        &self,
        keyword: &str,
        rule: &Value,
        rules: &Map<String, Value>,
        value: &Value,
        at: &str,
        faults: &mut Vec<String>,
    ) {
        let schemas = || rule.as_array().unwrap().iter();
        let is_good = |schema: &Value| {
            let mut faults = Vec::new();
            self.check(schema, value, at, &mut faults);
            faults.is_empty()
        };
        let fault = match keyword {
            "$ref" => return self.reference(rule.as_str().unwrap(), value, at, faults),
            "allOf" => return schemas().for_each(|schema| self.check(schema, value, at, faults)),
            "anyOf" => !schemas().any(is_good),
            "not" => is_good(rule),
            "type" => !is_of(rule, value),
            "const" => value != rule,
            "enum" => !rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_some_and(|value| value < rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_some_and(|value| value > rule.as_f64().unwrap()),
            "minLength" => value.as_str().is_some_and(|text| text.chars().count() < number(rule)),
            "maxLength" => value.as_str().is_some_and(|text| text.chars().count() > number(rule)),
            "maxItems" => value.as_array().is_some_and(|items| items.len() > number(rule)),
            "format" => value.as_str().is_some_and(|text| !has_format(rule.as_str().unwrap(), text)),
            "items" => {
                let entries = value.as_array().into_iter().flatten().enumerate();
                return entries.for_each(|(index, entry)| self.check(rule, entry, &format!("{at}[{index}]"), faults));
            }
            "properties" => return self.fields(rule, rules, value, at, faults),
            "additionalProperties" => {
                if rule.is_object() {
                    let object = value.as_object().into_iter().flatten();
                    return object.for_each(|(field, value)| self.check(rule, value, &format!("{at}.{field}"), faults));
                }
                assert_eq!(rule, &Value::Bool(false), "only that it is known by");
                let known = &rules["properties"];
                value.as_object().is_some_and(|object| object.keys().any(|field| known.get(field).is_none()))
            }
            note if NOTES.contains(&note) => false,
            unknown => panic!("{unknown} is a keyword that the tests do not know"),
        };
        if fault {
            let shown: String = value.to_string().chars().take(200).collect();
            faults.push(format!("{at} is {shown}, against {keyword} {rule}").chars().take(500).collect());
        }
    }

    fn fields(&self, rule: &Value, rules: &Map<String, Value>, value: &Value, at: &str, faults: &mut Vec<String>) {
        let Value::Object(object) = value else { return };
        for (field, value) in object {
            match rule.get(field) {
                Some(schema) => self.check(schema, value, &format!("{at}.{field}"), faults),
                None if self.is_strict && rules.contains_key("type") => {
                    faults.push(format!("{at} has a {field}, of which the document does not know"));
                }
                None => {}
            }
        }
    }

    fn reference(&self, target: &str, value: &Value, at: &str, faults: &mut Vec<String>) {
        if let Some(pointer) = target.strip_prefix('#') {
            let schema = self.json.pointer(pointer).unwrap_or_else(|| panic!("there is no {target}"));
            return self.check(schema, value, at, faults);
        }
        let file = self.file.parent().unwrap().join(target);
        let other = Self { is_strict: false, ..Self::read(file.to_str().unwrap()) };
        faults.extend(other.faults(value).into_iter().map(|fault| format!("{at}: {fault}")));
    }
}

fn number(rule: &Value) -> usize {
    usize::try_from(rule.as_u64().unwrap()).unwrap()
}

fn is_of(rule: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("there is no type {other}"),
    };
    match rule {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        other => panic!("{other} is no type"),
    }
}

fn has_format(format: &str, text: &str) -> bool {
    match format {
        "date-time" => text.parse::<Timestamp>().is_ok(),
        "date" => text.parse::<Date>().is_ok(),
        "uuid" => Uuid::try_parse(text).is_ok(),
        "uri-reference" => !text.contains([' ', '<', '>']),
        other => panic!("{other} is a format that the tests do not know"),
    }
}
