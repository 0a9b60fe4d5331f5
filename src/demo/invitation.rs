//! What can be tried while the demo stays up: lines to paste into a shell, with this run's addresses and files.

use std::net::SocketAddr;

use crate::demo::folder::Folder;
use crate::demo::folder::quoted;
use crate::demo::serve::INFER_PATH;
use crate::demo::serve::RANK_PATH;

/// The lines, for an image that truly shows this digit.
pub(super) fn text(data: SocketAddr, admin: SocketAddr, folder: &Folder, digit: u8) -> String {
    let (image, query) = (quoted(&folder.image()), quoted(&folder.query()));
    format!(
        r#"Everything is still up; Ctrl-C ends it. Commands to paste into another terminal:

An image of a {digit} for the A/B test; the answer's header crossfade-id names the request:
  curl -is -H 'x-demo: ab' -H 'x-user-id: you' -d @{image} \
    http://{data}{INFER_PATH}; echo

The images that look most like it, mixed from both rankers' lists:
  curl -s -H 'x-demo: interleave' -d @{query} \
    http://{data}{RANK_PATH}; echo

Another answer, and the report of what was right:
  id=$(curl -s -o /dev/null -D - -H 'x-demo: ab' -H 'x-user-id: you' \
    -d @{image} http://{data}{INFER_PATH} \
    | tr -d '\r' | sed -n 's/^crossfade-id: //p')
  curl -s http://{admin}/feedback \
    -d '{{"request_id": "'$id'", "outcome": "digit", "value": {digit}}}'; echo

What is known of a test, which model a user gets, and all users for the canary's candidate:
  curl -s http://{admin}/api/v1/experiments/digits-ab | python3 -m json.tool
  curl -s 'http://{admin}/api/v1/experiments/digits-canary/assignment?unit=user-0042'; echo
  curl -s http://{admin}/api/v1/experiments/digits-canary/weight -d '{{"weight": "100%"}}'; echo

What Prometheus reads:
  curl -s http://{admin}/metrics | grep ^crossfade_requests_total

models through the gateway: http://{data}
metrics: http://{admin}/metrics"#
    )
}
