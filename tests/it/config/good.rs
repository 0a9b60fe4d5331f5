//! Good policies, held against the domain values that they must become.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crossfade::assign::Salts;
use crossfade::assign::Share;
use crossfade::compare::Closeness;
use crossfade::compare::Rule;
use crossfade::config;
use crossfade::config::Config;
use crossfade::cost::Money;
use crossfade::evaluate::measure::Kind;
use crossfade::policy::Absent;
use crossfade::policy::Credentials;
use crossfade::policy::Matcher;
use crossfade::policy::OutcomeKind;
use crossfade::policy::OutcomeRule;
use crossfade::policy::PathPattern;
use crossfade::policy::Phase;
use crossfade::policy::UnitSource;
use crossfade::protocol::Protocol;
use crossfade::proxy::Limits;
use crossfade::record::RedactAction;
use crossfade::record::RedactTarget;
use crossfade::strategy::Strategy;
use crossfade::strategy::ab;
use crossfade::strategy::canary;
use crossfade::strategy::interleave;
use crossfade::strategy::shadow;
use crossfade::strategy::shadow::Budget;
use crossfade::strategy::shadow::Total;
use crossfade::tls::ClientFiles;
use crossfade::tls::Identity;
use crossfade::tls::ServerFiles;
use crossfade::upstream::BreakerSettings;
use crossfade::upstream::HostHeader;
use crossfade::upstream::HttpVersion;
use crossfade::upstream::Timeouts;
use crossfade::vocab::ArmId;
use crossfade::vocab::ModelId;
use crossfade::vocab::OutcomeName;
use http::HeaderName;
use http::Method;
use serde_json::json;

const MODELS: &str = "models:
  a: {url: http://127.0.0.1:8001}
  b: {url: http://127.0.0.1:8002}
  c: {url: http://127.0.0.1:8003}
";

fn parsed(text: &str) -> Config {
    config::parse(Path::new("policy.yaml"), text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// One experiment, given its keys below the name.
pub(crate) fn with_experiment(keys: &str) -> Config {
    parsed(&format!("{MODELS}experiments:\n  - name: test\n    legacy: b\n{keys}"))
}

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn default_budget() -> Budget {
    Budget {
        in_flight: 256,
        in_flight_bytes: 64 << 20,
        per_second: None,
        daily: Default::default(),
        in_all: Total::default(),
    }
}

#[test]
fn the_least_policy_gets_every_default() {
    let config = parsed("models: {only: {url: http://models.example}}\ndefault: only\n");
    assert_eq!(config.path, Path::new("policy.yaml"));
    assert_eq!(config.listen.data, SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert_eq!(config.listen.admin, SocketAddr::from(([127, 0, 0, 1], 9090)));
    assert!(config.listen.token.is_none());
    assert_eq!((config.listen.drain, config.listen.workers), (seconds(30), None));
    assert_eq!(config.listen.max_connections, 10_000);
    assert_eq!(config.record.dir, Path::new("./records"));
    assert_eq!(config.record.body_cap_bytes, 256 << 10);
    assert_eq!((config.record.rotate.bytes, config.record.rotate.every), (256 << 20, seconds(3600)));
    assert_eq!(config.record.keep.bytes, None);
    assert_eq!((config.record.queue_bytes, config.record.queue_records), (64 << 20, 65_536));
    assert!(config.record.redact.is_empty());
    assert_eq!((config.feedback.path, config.feedback.remember), (None, 200_000));
    assert_eq!(config.limits, Limits::default());
    assert!(config.feedback.ticket_key.is_none());
    assert_eq!(config.policy.default, Some(ModelId(0)));
    assert!(config.policy.experiments.is_empty());
    let upstream = &config.upstreams[0];
    assert_eq!(upstream.endpoints[0].authority, "models.example");
    assert_eq!(upstream.endpoints[0].base_path, "");
    assert_eq!(upstream.timeouts, Timeouts::default());
    assert_eq!((upstream.max_in_flight, upstream.host), (1024, HostHeader::Original));
    assert_eq!((upstream.http, &upstream.tls), (HttpVersion::Auto, &None));
    assert_eq!((upstream.endpoints[0].scheme.as_str(), upstream.endpoints[0].port()), ("http", 80));
    assert!(config.listen.tls.is_none());
    assert_eq!(upstream.breaker, None);
    let breaker = parsed("models: {only: {url: http://models.example, breaker: {}}}\ndefault: only\n")
        .upstreams[0]
        .breaker;
    assert_eq!(breaker, Some(BreakerSettings { failures: 10, pause: seconds(4) }));
    let model = &config.policy.models[0];
    assert_eq!((model.name.as_str(), model.protocol, &model.rate), ("only", Protocol::Http, &None));
}

#[test]
fn the_service_keeps_what_the_file_says() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, " 0123456789abcdef0123456789abcdef\n").unwrap();
    let config = parsed(&format!(
        "{MODELS}default: c
listen: {{data: '[::]:0', admin: 0.0.0.0:0, token: {{from_env: PATH}}, drain: 1m30s, workers: 3, max_connections: 7}}
limits:
  {{header_bytes: 16MiB, header_count: 200, uri_bytes: 65534, header_time: 1s, body_rate: 2KiB, body_grace: 3s, idle: 4s,
    write_stall: 5s, streams: 6, control_frames: 7, memory: 8MiB}}
record:
  dir: /var/records
  body_cap: 1MiB
  rotate: {{bytes: 1GiB, every: 1d}}
  keep: {{bytes: 2TiB}}
  queue: {{bytes: 4194304, records: 9}}
  redact: [{{header: X-Session, action: hash}}, {{json: '$..text', action: mask}}]
feedback: {{path: /votes, tickets: {{key: {{from_file: '{}'}}}}, remember: 5}}
",
        key.display()
    ));
    assert_eq!(config.listen.data, "[::]:0".parse().unwrap());
    let token = config.listen.token.unwrap();
    assert!(token.matches(std::env::var("PATH").unwrap().trim().as_bytes()));
    assert_eq!((config.listen.drain, config.listen.workers), (seconds(90), Some(3)));
    assert_eq!(config.listen.max_connections, 7);
    let expected = Limits {
        header_bytes: 16 << 20,
        header_count: 200,
        uri_bytes: 65_534,
        header_time: seconds(1),
        body_rate: 2_048,
        body_grace: seconds(3),
        idle: seconds(4),
        write_stall: seconds(5),
        streams: 6,
        control_frames: 7,
        memory_bytes: Some(8 << 20),
    };
    assert_eq!(config.limits, expected);
    assert_eq!(config.record.dir, Path::new("/var/records"));
    assert_eq!(config.record.body_cap_bytes, 1 << 20);
    assert_eq!((config.record.rotate.bytes, config.record.rotate.every), (1 << 30, seconds(86_400)));
    assert_eq!(config.record.keep.bytes, Some(2 << 40));
    assert_eq!((config.record.queue_bytes, config.record.queue_records), (4 << 20, 9));
    let [session, text] = &config.record.redact[..] else { panic!("two rules expected") };
    assert_eq!(session.target, RedactTarget::Header(HeaderName::from_static("x-session")));
    assert_eq!(session.action, RedactAction::Hash);
    assert_eq!(text.target, RedactTarget::Json("$..text".parse().unwrap()));
    assert_eq!(text.action, RedactAction::Mask);
    assert_eq!(config.feedback.path.as_deref(), Some("/votes"));
    assert_eq!(config.feedback.ticket_key.unwrap().expose(), b"0123456789abcdef0123456789abcdef");
    assert_eq!(config.feedback.remember, 5);
}

#[test]
fn a_model_keeps_what_the_file_says_and_money_is_exact() {
    let config = parsed(
        "models:
  chat:
    url: [http://10.0.0.1:8000/base/, 'http://[::1]:8000']
    protocol: openai
    timeout: {connect: 250ms, first_byte: 2m, idle: 5s, total: 1h}
    max_in_flight: 3
    breaker: {failures: 4, pause: 500ms}
    host: upstream
    cost:
      currency: EUR
      per_request: 0.000000000001
      per_second: '0.30'
      per_million_input_tokens: 123456.123456789012
      per_million_output_tokens: 10
default: chat
",
    );
    let upstream = &config.upstreams[0];
    let endpoints: Vec<_> =
        upstream.endpoints.iter().map(|url| (url.authority.as_str(), url.base_path.as_str())).collect();
    assert_eq!(endpoints, [("10.0.0.1:8000", "/base"), ("[::1]:8000", "")]);
    let timeouts = Timeouts {
        connect: Duration::from_millis(250),
        first_byte: seconds(120),
        idle: seconds(5),
        total: seconds(3600),
    };
    assert_eq!(upstream.timeouts, timeouts);
    assert_eq!((upstream.max_in_flight, upstream.host), (3, HostHeader::Upstream));
    assert_eq!(upstream.breaker, Some(BreakerSettings { failures: 4, pause: Duration::from_millis(500) }));
    assert_eq!(config.policy.models[0].protocol, Protocol::OpenAi);
    let rate = config.policy.models[0].rate.as_ref().unwrap();
    assert_eq!(rate.currency, "EUR");
    assert_eq!(rate.per_request, Money::from_picos(1));
    assert_eq!(rate.per_second, Money::from_picos(300_000_000_000));
    assert_eq!(rate.per_million_input_tokens, Money::from_picos(123_456_123_456_789_012));
    assert_eq!(rate.per_million_cached_input_tokens, Money::ZERO);
    assert_eq!(rate.per_million_output_tokens, Money::from_picos(10_000_000_000_000));
    assert_eq!((rate.per_million_cache_write_input_tokens, rate.per_million_reasoning_tokens), (None, None));
}

#[test]
fn an_experiment_keeps_what_the_file_says() {
    let config = with_experiment(
        "    match:
      path: /v1/*
      method: POST
      host: [Models.Example, '::1']
      headers: {X-Tier: 1.0}
      query: {q: two words}
      json: {$.model: ranker, $.n: 3, $.deep: {a: [true, null]}}
    candidates: [c, b]
    unit: [{header: X-User}, {cookie: uid}, {query: user}, {json: $.user.id}]
    show_unit: true
    salt: shared
    expose_arm: true
    force_header: X-Arm
    strategy: {shadow: {}}
    outcomes:
      digit: {type: label, window: 1h, absent: none}
      stars: {type: number}
    compare:
      label: {exact: '$.outputs[0]'}
      scores: {numeric: '$.scores[*]', absolute: 0.01, relative: 1e-3}
    metrics:
      accuracy: {prediction: $.label, truth: digit}
",
    );
    let experiment = &config.policy.experiments[0];
    let expected = Matcher {
        path: Some(PathPattern::Prefix("/v1".to_owned())),
        methods: vec![Method::POST],
        hosts: vec!["models.example".to_owned(), "::1".to_owned()],
        headers: vec![(HeaderName::from_static("x-tier"), "1.0".to_owned())],
        query: vec![("q".to_owned(), "two words".to_owned())],
        json: vec![
            ("$.model".parse().unwrap(), json!("ranker")),
            ("$.n".parse().unwrap(), json!(3)),
            ("$.deep".parse().unwrap(), json!({"a": [true, null]})),
        ],
    };
    assert_eq!(experiment.matcher, expected);
    assert_eq!(experiment.arms, [ModelId(1), ModelId(2), ModelId(1)]);
    let unit = [
        UnitSource::Header(HeaderName::from_static("x-user")),
        UnitSource::Cookie("uid".to_owned()),
        UnitSource::Query("user".to_owned()),
        UnitSource::Json("$.user.id".parse().unwrap()),
    ];
    assert_eq!(experiment.unit, unit);
    assert!(!experiment.hash_unit && experiment.expose_arm);
    assert_eq!(experiment.salts, Salts::of("shared"));
    assert_eq!(experiment.force_header, Some(HeaderName::from_static("x-arm")));
    let digit = OutcomeRule { kind: OutcomeKind::Label, window: seconds(3600), absent: Absent::None };
    let stars = OutcomeRule { kind: OutcomeKind::Number, window: seconds(86_400), absent: Absent::Missing };
    let outcomes: Vec<_> = experiment.outcomes.iter().map(|(name, rule)| (name.as_str(), *rule)).collect();
    assert_eq!(outcomes, [("digit", digit), ("stars", stars)]);
    let [label, scores] = &experiment.compare[..] else { panic!("two fields expected") };
    assert_eq!(label.rule, Rule::Exact("$.outputs[0]".parse().unwrap()));
    let closeness = Closeness::within(0.01, 0.001);
    let numeric = Rule::Numeric { path: "$.scores[*]".parse().unwrap(), closeness };
    assert_eq!((scores.name.as_str(), &scores.rule), ("scores", &numeric));
    let [accuracy] = &experiment.metrics[..] else { panic!("one metric expected") };
    assert_eq!((accuracy.name.as_str(), accuracy.measure.kind), ("accuracy", Kind::Accuracy));
    assert_eq!(
        experiment.identity,
        "arms=b=127.0.0.1:8002;c=127.0.0.1:8003;b=127.0.0.1:8002;salt=shared;\
         unit=header:x-user,cookie:uid,query:user,json:$.user.id"
    );
}

#[test]
fn an_experiment_that_says_little_gets_every_default() {
    let config = with_experiment("    candidate: a\n    strategy: {shadow: {}}\n");
    let experiment = &config.policy.experiments[0];
    assert_eq!(experiment.matcher, Matcher::default());
    assert_eq!(experiment.salts, Salts::of("test"));
    assert!(experiment.unit.is_empty() && experiment.outcomes.is_empty() && experiment.compare.is_empty());
    assert!(experiment.hash_unit && !experiment.expose_arm);
    assert!(experiment.force_header.is_none() && experiment.metrics.is_empty());
    assert_eq!(config.policy.default, None);
}

#[test]
fn every_strategy_becomes_its_settings() {
    let ab = ab::Settings {
        traffic: share("40%"),
        weights: vec![share("25%"), share("50%"), share("25%")],
        pair: share("0.5%"),
        deadline: seconds(3),
        budget: default_budget(),
        fallback: true,
        ends_on_verdict: true,
        allocation: None,
    };
    let learning = ab::Settings {
        weights: vec![share("50%"), share("50%")],
        allocation: Some(ab::Thompson {
            reward: ab::Reward::Outcome(OutcomeName::new("up").unwrap()),
            floor: share("5%"),
            every: seconds(60),
        }),
        traffic: Share::ALL,
        pair: Share::NONE,
        deadline: seconds(30),
        budget: default_budget(),
        fallback: false,
        ends_on_verdict: true,
    };
    let two_arms = ab::Settings {
        traffic: Share::ALL,
        weights: vec![share("33.3333333%"), share("66.6666667%")],
        pair: Share::NONE,
        deadline: seconds(30),
        fallback: false,
        ..ab.clone()
    };
    let mix = interleave::Settings {
        mixing: interleave::Mixing::of(interleave::Method::TeamDraft),
        items: "$.results[*]".parse().unwrap(),
        id: "$.id".parse().unwrap(),
        depth: 100,
        deadline: seconds(1),
        credit: OutcomeName::new("click").unwrap(),
    };
    let short_mix = interleave::Settings {
        mixing: interleave::Mixing::of(interleave::Method::Balanced),
        depth: 5,
        deadline: Duration::from_millis(300),
        ..mix.clone()
    };
    let neutral = interleave::Settings {
        mixing: interleave::Mixing {
            shared_prefix: interleave::SharedPrefix::Neutral,
            ..interleave::Mixing::of(interleave::Method::TeamDraft)
        },
        ..mix.clone()
    };
    let flat = interleave::Settings {
        mixing: interleave::Mixing {
            tau: interleave::Tau::new(0.5).unwrap(),
            ..interleave::Mixing::of(interleave::Method::Probabilistic)
        },
        ..mix.clone()
    };
    let cases = [
        (
            "{shadow: {}}",
            Strategy::Shadow(shadow::Settings {
                sample: Share::ALL,
                control: Share::NONE,
                held_back: share("1%"),
                deadline: seconds(30),
                budget: default_budget(),
            }),
        ),
        (
            "{shadow: {sample: 25%, control: 1%, held_back: 0.5%, deadline: 5s, budget: {in_flight: 2, in_flight_bytes: 3B, per_second: 4}}}",
            Strategy::Shadow(shadow::Settings {
                sample: share("25%"),
                control: share("1%"),
                held_back: share("0.5%"),
                deadline: seconds(5),
                budget: Budget {
                    in_flight: 2,
                    in_flight_bytes: 3,
                    per_second: Some(4),
                    daily: Default::default(),
                    in_all: Total::default(),
                },
            }),
        ),
        (
            "{ab: {traffic: 40%, arms: {a: 50%, b: 25%, c: 25%}, pair: 0.5%, deadline: 3s, fallback: legacy}}",
            Strategy::Ab(ab),
        ),
        ("{ab: {arms: {a: 50%, b: 50%}, allocation: {thompson: {outcome: up}}}}", Strategy::Ab(learning)),
        ("{ab: {arms: {b: 33.3333333%, c: 66.6666667%}}}", Strategy::Ab(two_arms)),
        (
            "{interleave: {items: '$.results[*]', id: $.id, credit: click}}\n    candidate: a",
            Strategy::Interleave(mix),
        ),
        (
            "{interleave: {method: balanced, items: '$.results[*]', id: $.id, credit: click, depth: 5, deadline: 300ms}}",
            Strategy::Interleave(short_mix),
        ),
        (
            "{interleave: {shared_prefix: neutral, items: '$.results[*]', id: $.id, credit: click}}",
            Strategy::Interleave(neutral),
        ),
        (
            "{interleave: {method: probabilistic, tau: 0.5, items: '$.results[*]', id: $.id, credit: click}}",
            Strategy::Interleave(flat),
        ),
    ];
    for (text, expected) in cases {
        let candidate = match text.contains("candidate") || text.contains("ab:") {
            true => "",
            false => "    candidate: c\n",
        };
        let outcomes = "{click: {type: click}, up: {type: binary}}";
        let keys = format!("    outcomes: {outcomes}\n{candidate}    strategy: {text}\n");
        let config = with_experiment(&keys);
        assert_eq!(config.policy.experiments[0].strategy, expected, "{text}");
        assert_eq!(config.policy.experiments[0].arms[0], ModelId(1), "legacy comes first: {text}");
        assert_eq!(config.policy.experiments[0].ramp.load().weight, Share::NONE, "{text}");
    }
}

#[test]
fn a_canary_begins_at_its_first_step() {
    let config = with_experiment(
        "    candidate: c
    unit: [{header: x-user}]
    strategy:
      canary:
        steps:
          - {weight: 1%, hold: 30m, min_requests: 500}
          - {weight: 1%}
          - {weight: 100%, approve: manual}
        pair: 5%
        budget: {in_flight: 9}
        fallback: legacy
",
    );
    let step = |weight: &str, hold, min_requests, approve| canary::Step {
        hold: seconds(hold),
        min_requests,
        approve,
        ..canary::Step::at(share(weight))
    };
    let expected = canary::Settings {
        steps: vec![step("1%", 1800, 500, false), step("1%", 0, 0, false), step("100%", 0, 0, true)],
        pair: share("5%"),
        deadline: seconds(30),
        budget: Budget { in_flight: 9, ..default_budget() },
        fallback: true,
    };
    let experiment = &config.policy.experiments[0];
    assert_eq!(experiment.strategy, Strategy::Canary(expected));
    let stage = experiment.ramp.load();
    assert_eq!((stage.number, stage.step, stage.phase, stage.assigned()), (1, 0, Phase::Running, 0));
    assert_eq!(stage.weight, share("1%"));
    assert_eq!(experiment.arm_named(&config.policy, "c"), Some(ArmId(1)));
}

#[test]
fn a_model_over_tls_keeps_what_the_file_says() {
    let dir = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert"), dir.path().join("key"));
    std::fs::write(&cert, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let (cert_text, key_text) = (cert.display(), key.display());
    let config = parsed(&format!(
        "models:
  a: {{url: 'https://a.example/v1', http_version: 2, tls: {{ca_file: '{cert_text}', cert_file: '{cert_text}',
       key_file: '{key_text}', server_name: b.example}}}}
default: a
listen: {{tls: {{cert_file: '{cert_text}', key_file: '{key_text}', client_ca_file: '{cert_text}'}}}}
"
    ));
    let upstream = &config.upstreams[0];
    let endpoint = &upstream.endpoints[0];
    assert_eq!((endpoint.scheme.as_str(), endpoint.host(), endpoint.port()), ("https", "a.example", 443));
    let files = upstream.tls.as_ref().unwrap().files();
    let identity = Identity { cert_file: cert.clone(), key_file: key.clone() };
    let expected = ClientFiles {
        ca_file: Some(cert.clone()),
        identity: Some(identity),
        server_name: Some("b.example".try_into().unwrap()),
    };
    assert_eq!((upstream.http, files), (HttpVersion::Two, &expected));
    let expected = ServerFiles { cert_file: cert.clone(), key_file: key, client_ca_file: Some(cert) };
    assert_eq!(config.listen.tls.unwrap().files(), &expected);
}

#[test]
fn credentials_stay_with_legacys_hosts_unless_the_policy_says_otherwise() {
    let cases = [
        ("http://A.example:81", "http://a.example:82", "", "", [Credentials::Pass; 2]),
        ("http://a.example", "http://b.example", "", "", [Credentials::Pass, Credentials::Strip]),
        ("[http://a, http://b]", "http://b", "", "", [Credentials::Pass; 2]),
        ("http://a", "[http://a, http://b]", "", "", [Credentials::Pass, Credentials::Strip]),
        ("http://a", "http://b", "", ", credentials: pass", [Credentials::Pass; 2]),
        ("http://a", "http://a", "", ", credentials: strip", [Credentials::Pass, Credentials::Strip]),
        ("http://a", "http://a", ", credentials: strip", "", [Credentials::Strip, Credentials::Pass]),
    ];
    for (old, new, old_more, new_more, expected) in cases {
        let config = parsed(&format!(
            "models: {{old: {{url: {old}{old_more}}}, new: {{url: {new}{new_more}}}}}
experiments: [{{name: e, legacy: old, candidate: new, strategy: {{shadow: {{}}}}}}]
"
        ));
        assert_eq!(config.policy.experiments[0].credentials, expected, "{old}{old_more} {new}{new_more}");
    }
}

#[test]
fn a_budget_in_dollars_is_kept_where_a_model_has_a_price_in_dollars() {
    let config = parsed(
        "models:
  a: {url: http://127.0.0.1:8001}
  b: {url: http://127.0.0.1:8002, cost: {per_request: 0.5}}
experiments:
  - {name: test, legacy: a, candidate: b, strategy: {shadow: {budget: {usd_per_day: 19.99}}}}
",
    );
    let Strategy::Shadow(settings) = &config.policy.experiments[0].strategy else { panic!("a shadow") };
    assert_eq!(settings.budget.daily.money, Some(Money::from_picos(19_990_000_000_000)));
}

#[test]
fn experiments_that_some_request_can_reach_are_not_called_unreachable() {
    let cases = [
        ("{path: /v1/chat}", "{path: /v1/*}"),
        ("{path: /v1/*}", "{path: /v10/chat}"),
        ("{method: POST}", "{}"),
        ("{method: POST}", "{method: [POST, PUT]}"),
        ("{host: a.example}", "{host: b.example}"),
        ("{headers: {x-tier: gold}}", "{headers: {x-tier: lead}}"),
        ("{query: {a: 1}}", "{query: {b: 1}}"),
        ("{json: {$.model: a}}", "{json: {$.model: b}}"),
        ("{path: /a, json: {$.model: a}}", "{path: /a}"),
    ];
    for (first, second) in cases {
        let config = with_experiment(&format!(
            "    match: {first}
    candidate: c
    strategy: {{shadow: {{}}}}
  - {{name: second, match: {second}, legacy: a, candidate: c, strategy: {{shadow: {{}}}}}}
"
        ));
        assert_eq!(config.policy.experiments.len(), 2, "{first} {second}");
    }
}

#[test]
fn the_hash_is_the_beginning_of_the_sha_256_of_the_text() {
    // `printf 'models: {a: {url: http://127.0.0.1}}\ndefault: a\n' | sha256sum`
    let config = parsed("models: {a: {url: http://127.0.0.1}}\ndefault: a\n");
    assert_eq!(config.policy.hash, "123c1c33fc96");
}

#[test]
fn anchors_and_merge_keys_work_where_they_stay_small() {
    let config = parsed(
        "models:
  a: &base {url: http://127.0.0.1:8001, max_in_flight: 5, timeout: &limits {total: 9s}}
  b: {<<: *base, max_in_flight: 6}
  c: {url: http://127.0.0.1:8003, timeout: *limits}
default: a
",
    );
    let limits: Vec<_> = config.upstreams.iter().map(|model| model.max_in_flight).collect();
    assert_eq!(limits, [5, 6, 1024]);
    assert!(config.upstreams.iter().all(|model| model.timeouts.total == seconds(9)));
    assert_eq!(config.upstreams[1].endpoints, config.upstreams[0].endpoints);
}

#[test]
fn words_of_older_yaml_are_texts_and_not_booleans() {
    let config = parsed(
        "models: {n: {url: http://127.0.0.1}, on: {url: http://127.0.0.1}}
experiments:
  - {name: no, legacy: n, candidate: on, match: {query: {debug: yes, exact: 1.50}}, strategy: {shadow: {}}}
",
    );
    let experiment = &config.policy.experiments[0];
    assert_eq!(experiment.name.as_str(), "no");
    let query = [("debug".to_owned(), "yes".to_owned()), ("exact".to_owned(), "1.50".to_owned())];
    assert_eq!(experiment.matcher.query, query);
}
