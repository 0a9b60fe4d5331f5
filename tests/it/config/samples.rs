//! The files under `config/`: each is good, fits the JSON Schema, and together they show every key.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crossfade::config;
use serde_json::Value;

use crate::rig::Secrets;

const SAMPLES: [&str; 5] = ["shadow", "canary", "ab", "interleave", "reference"];

fn sample(name: &str) -> String {
    fs::read_to_string(format!("config/{name}.yaml")).unwrap()
}

fn as_json(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap()
}

#[test]
fn every_sample_is_a_good_policy() {
    let secrets = Secrets::new();
    for name in SAMPLES {
        let text = secrets.put_into(&sample(name));
        let config = config::parse(Path::new(name), &text).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(!config.policy.experiments.is_empty(), "{name}");
    }
}

#[test]
fn every_sample_fits_the_schema() {
    let validator = jsonschema::validator_for(&config::json_schema()).unwrap();
    for name in SAMPLES {
        let policy = as_json(&sample(name));
        let errors: Vec<String> = validator
            .iter_errors(&policy)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
}

#[test]
fn the_schema_refuses_what_the_gateway_refuses() {
    let validator = jsonschema::validator_for(&config::json_schema()).unwrap();
    let experiment = |keys: &str| {
        format!("models: {{a: {{url: 'http://a'}}}}\nexperiments: [{{name: x, legacy: a, {keys}}}]")
    };
    assert!(validator.is_valid(&as_json(&experiment("candidate: a, strategy: {shadow: {}}"))));
    let refused = [
        "default: a".to_owned(),
        "models: {a: {}}".to_owned(),
        "models: {a: {url: 'ftp://a'}}".to_owned(),
        "models: {a: {url: 'http://a', http_version: 3}}".to_owned(),
        "models: {a: {url: 'https://a', tls: {ca: ca.pem}}}".to_owned(),
        "models: {a: {url: 'http://a', timeout: {total: 30}}}".to_owned(),
        "models: {a: {url: 'http://a', protocol: grpc}}".to_owned(),
        "models: {a: {url: 'http://a'}}\nlisten: {token: secret}".to_owned(),
        "models: {a: {url: 'http://a'}}\nlisten: {tls: {}}".to_owned(),
        experiment("candidate: a"),
        experiment("strategy: {}"),
        experiment("strategy: {shadow: {}, ab: {arms: {a: 50%, b: 50%}}}"),
        experiment("strategy: {shadow: {sample: 25}}"),
        experiment("strategy: {shadow: {}}, unit: [{header: a, cookie: b}]"),
        experiment("candidate: a, strategy: {shadow: {}}, compare: {f: {}}"),
        experiment("candidate: a, strategy: {shadow: {}}, compare: {f: {exact: $.a, label: $.a}}"),
        experiment("candidate: a, strategy: {shadow: {}}, compare: {f: {tree: $, ignore: a}}"),
        experiment("candidate: a, strategy: {shadow: {}}, compare: {f: {embedding: $.a}}"),
        experiment("candidate: a, strategy: {shadow: {}}, compare: {f: {text: $.a, min_similarity: 2}}"),
        experiment("strategy: {shadow: {}}, metrics: {right: {kind: acuracy, prediction: $.a, truth: b}}"),
        experiment("strategy: {shadow: {}}, metrics: {accuracy: {prediction: a, truth: b}}"),
        experiment(
            "strategy: {shadow: {}}, metrics: {accuracy: {prediction: {answer: $.a, request: $.a}, truth: b}}",
        ),
        experiment("strategy: {shadow: {guardrails: [{max_ratio: 2}]}}"),
        experiment("strategy: {shadow: {guardrails: [{metric: error_rate, outcome: up}]}}"),
        experiment("strategy: {shadow: {guardrails: [{metric: error_rate, max_ratio: 0.5}]}}"),
        experiment("strategy: {shadow: {alpha: 1}}"),
    ];
    for policy in refused {
        assert!(!validator.is_valid(&as_json(&policy)), "{policy}");
    }
}

#[test]
fn the_schema_in_the_repository_is_the_one_that_the_gateway_prints() {
    let kept: Value =
        serde_json::from_str(&fs::read_to_string("config/policy.schema.json").unwrap()).unwrap();
    assert!(
        kept == config::json_schema(),
        "config/policy.schema.json is old; renew it by: cargo run -- schema > config/policy.schema.json"
    );
}

#[test]
fn the_reference_names_every_key_of_the_schema() {
    let schema = config::json_schema();
    let mut known = BTreeSet::new();
    collect_known(&schema, &schema, "", &mut known);
    assert!(known.len() > 80, "the walk over the schema found too little: {known:#?}");
    let mut named = BTreeSet::new();
    collect_named(&schema, &schema, &as_json(&sample("reference")), "", &mut named);
    // What only some builds know stands there as a comment, so that every build takes the file as it is.
    let optional = sample("reference").replace("\n    # bucket: {", "\n    bucket: {");
    let optional = optional
        .replace("\n    # stream: {", "\n    stream: {")
        .replace("\n    # topic: {", "\n    topic: {");
    collect_named(&schema, &schema, &as_json(&optional), "", &mut named);
    let missing: Vec<_> = known.difference(&named).collect();
    assert!(missing.is_empty(), "config/reference.yaml does not show {missing:#?}");
}

/// Collects every key that a schema knows, as `path.key` where the path begins at the nearest named definition, so that
/// a mapping used in several places counts once. `*` stands for keys that the operator chooses.
fn collect_known(root: &Value, schema: &Value, path: &str, known: &mut BTreeSet<String>) {
    for Key { path, schema, .. } in keys(root, schema, path) {
        known.insert(path.clone());
        collect_known(root, schema, &path, known);
    }
}

/// Collects the keys that a policy uses, in the same spelling.
fn collect_named(root: &Value, schema: &Value, policy: &Value, path: &str, named: &mut BTreeSet<String>) {
    for item in policy.as_array().into_iter().flatten() {
        collect_named(root, schema, item, path, named);
    }
    for Key { name, path, schema } in keys(root, schema, path) {
        for (key, value) in policy.as_object().into_iter().flatten() {
            if name == "*" || name == key {
                named.insert(path.clone());
                collect_named(root, schema, value, &path, named);
            }
        }
    }
}

struct Key<'s> {
    name: &'s str,
    path: String,
    schema: &'s Value,
}

/// The keys of a schema, through references, lists and alternatives.
fn keys<'s>(root: &'s Value, schema: &'s Value, path: &str) -> Vec<Key<'s>> {
    let mut found = Vec::new();
    if let Some(target) = schema["$ref"].as_str() {
        let definition = root.pointer(target.trim_start_matches('#')).unwrap();
        found.extend(keys(root, definition, target));
    }
    let key = |name: &'s str, schema| Key { name, path: format!("{path}.{name}"), schema };
    let properties = schema["properties"].as_object().into_iter().flatten();
    found.extend(properties.map(|(name, schema)| key(name, schema)));
    if schema["additionalProperties"].is_object() {
        found.push(key("*", &schema["additionalProperties"]));
    }
    if schema["items"].is_object() {
        found.extend(keys(root, &schema["items"], path));
    }
    for alternative in schema["anyOf"].as_array().into_iter().flatten() {
        found.extend(keys(root, alternative, path));
    }
    found
}
