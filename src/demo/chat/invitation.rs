//! What can be tried while the chat demo stays up: lines to paste into a shell, with this run's addresses and files.

use std::net::SocketAddr;

use serde_json::json;

use crate::demo::DemoError;
use crate::demo::chat::fences;
use crate::demo::chat::fences::Case;
use crate::demo::chat::openai::CHAT_PATH;
use crate::demo::chat::users::request;
use crate::demo::folder::Folder;
use crate::demo::folder::quoted;
use crate::vocab::StrategyKind;

/// Where everything listens.
pub(super) struct Places {
    pub(super) data: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) judge: SocketAddr,
}

/// Writes a question and a case for the judge into the run's folder, and the lines that send them.
pub(super) fn write(places: &Places, folder: &Folder) -> Result<String, DemoError> {
    const QUESTION: &str = "What do you call mail on paper, not electronic?";
    let messages = [json!({"role": "user", "content": QUESTION})];
    folder.write(&folder.question(), &request(StrategyKind::Ab, &messages).to_string())?;
    let a = "fork bomb: Something that copies itself without end.";
    let b = "snail-mail: Paper mail, as opposed to electronic.";
    let case = fences::write(Case { question: QUESTION, a, b });
    let case = json!({"model": "judge", "messages": [{"role": "user", "content": case}]});
    folder.write(&folder.case(), &case.to_string())?;
    let Places { data, admin, judge } = places;
    let (question, case) = (quoted(&folder.question()), quoted(&folder.case()));
    Ok(format!(
        r#"Everything is still up; Ctrl-C ends it. Commands to paste into another terminal:

A question for the A/B test, answered as a stream; the answer's header crossfade-id names the request:
  curl -isN -H 'x-demo: ab' -H 'x-conversation-id: yours' -d @{question} \
    http://{data}{CHAT_PATH}; echo

Another answer, and a thumb up for it:
  id=$(curl -s -o /dev/null -D - -H 'x-demo: ab' -H 'x-conversation-id: yours' \
    -d @{question} http://{data}{CHAT_PATH} \
    | tr -d '\r' | sed -n 's/^crossfade-id: //p')
  curl -s http://{admin}/feedback \
    -d '{{"request_id": "'$id'", "outcome": "thumbs_up", "value": true}}'; echo

Which of two answers the judge holds for the better:
  curl -s -d @{case} http://{judge}{CHAT_PATH}; echo

What is known of a test:
  curl -s http://{admin}/api/v1/experiments/chat-ab | python3 -m json.tool

models through the gateway: http://{data}
metrics: http://{admin}/metrics"#
    ))
}
