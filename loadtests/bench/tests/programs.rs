//! The programs as the harness uses them: a model of every behaviour, the relay, and the load that meets them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

/// A running program, ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(program: &str, options: &[&str]) -> Self {
        let mut command = Command::new(program);
        Self(command.args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

fn model(options: &[&str]) -> (Running, String) {
    let mut model = Running::start(env!("CARGO_BIN_EXE_model"), options);
    let address = model.line();
    (model, address)
}

/// One slice against an address.
fn slice(address: &str, order: &str, options: &[&str]) -> Value {
    let options = [&["--target", address, "--connections", "4", "--timeout", "0.5"], options].concat();
    let mut load = Running::start(env!("CARGO_BIN_EXE_load"), &options);
    writeln!(load.0.stdin.as_mut().unwrap(), "{order}").unwrap();
    serde_json::from_str(&load.line()).unwrap()
}

#[test]
fn every_request_that_is_answered_is_counted() {
    let cases: [(&[&str], &[&str]); 6] = [
        (&[], &[]),
        (&["--bytes", "300000", "--delay-ms", "1"], &["--bytes", "300000"]),
        (&[], &["--fresh"]),
        (&[], &["--rate", "2000", "--in-flight", "2"]),
        (&["--body", "{}"], &["--path", "/x", "--header", "x-user: 1"]),
        (&["--http2"], &["--http2", "--streams", "3"]),
    ];
    for (model_options, load_options) in cases {
        let (_model, address) = model(model_options);
        let seen = slice(&address, "requests 50", load_options);
        assert_eq!(seen["requests"], 50, "{model_options:?} {load_options:?}: {seen}");
        let errors = seen["errors"].as_object().unwrap();
        assert!(errors.values().all(|count| *count == 0), "{model_options:?} {load_options:?}: {seen}");
    }
}

#[test]
fn each_failure_is_told_as_what_it_is() {
    let cases =
        [("error", "status"), ("reset", "reset"), ("hang-accept", "timeout"), ("hang-headers", "timeout")];
    let more = [("hang-body", "timeout"), ("flood", "timeout"), ("black-hole", "timeout")];
    for (behaviour, error) in cases.into_iter().chain(more) {
        let (_model, address) = model(&["--do", behaviour]);
        let seen = slice(&address, "requests 4", &[]);
        assert_eq!(seen["errors"][error], 4, "{behaviour}: {seen}");
    }
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(slice(&unused.to_string(), "requests 3", &[])["errors"]["connect"], 3);
}

#[test]
fn an_open_loop_asks_as_often_as_it_shall_and_tells_what_it_could_not_ask() {
    let (_model, address) = model(&[]);
    assert_eq!(slice(&address, "seconds 0.5", &["--rate", "400"])["requests"], 200);
    let (_hung, address) = model(&["--do", "hang-headers"]);
    let seen = slice(&address, "seconds 0.2", &["--rate", "100"]);
    let errors = |kind: &str| seen["errors"][kind].as_u64().unwrap();
    assert_eq!(errors("timeout") + errors("unsent"), 20, "{seen}");
    assert!(errors("unsent") > 0, "four connections cannot ask twenty times of a model that hangs: {seen}");
}

#[test]
fn events_are_timed_through_the_relay_too() {
    let (_model, address) = model(&["--do", "stream", "--events", "5", "--interval-ms", "10"]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let _relay = Running::start(env!("CARGO_BIN_EXE_relay"), &["--listen", &port, "--target", &address]);
    while TcpStream::connect(&port).is_err() {
        std::thread::yield_now();
    }
    for target in [&address, &port] {
        let seen = slice(target, "requests 8", &["--events"]);
        assert_eq!(
            (&seen["requests"], &seen["events"]["count"]),
            (&Value::from(8), &Value::from(40)),
            "{seen}"
        );
        let gap = seen["events"]["gap_us"]["p50"].as_f64().unwrap();
        assert!(gap > 5_000.0, "events leave 10 ms apart: {seen}");
    }
}
