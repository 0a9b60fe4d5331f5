//! Lowers TLS: the files of the users' side and of the models', which are opened, and must be usable.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::field::Field;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::tls::ClientFiles;
use crate::tls::Files;
use crate::tls::Identity;
use crate::tls::Live;
use crate::tls::ServerFiles;

/// The users' side.
pub(super) fn listen(raw: At<schema::ListenTls>, report: &Report) -> Option<Arc<Live<ServerFiles>>> {
    let At { place, value: schema::ListenTls { cert_file, key_file, client_ca_file } } = raw;
    let given = |file: Field<Scalar<String>>, key| file.required(key, &place, report).map(path);
    let (cert_file, key_file) = (given(cert_file, "cert_file"), given(key_file, "key_file"));
    let client_ca_file = client_ca_file.given().map(path);
    opened(ServerFiles { cert_file: cert_file?, key_file: key_file?, client_ca_file }, &place, report)
}

/// The side of a model that some URL reaches over TLS.
pub(super) fn model(
    raw: Field<schema::Tls>,
    model: &Place,
    report: &Report,
) -> Option<Arc<Live<ClientFiles>>> {
    let place = raw.place().unwrap_or(model).clone();
    let schema::Tls { ca_file, cert_file, key_file, server_name } = raw.value().unwrap_or_default();
    let files = ClientFiles {
        ca_file: ca_file.given().map(path),
        identity: identity(cert_file, key_file, &place, report),
        server_name: server_name.scalar(),
    };
    opened(files, &place, report)
}

fn identity(
    cert_file: Field<Scalar<String>>,
    key_file: Field<Scalar<String>>,
    place: &Place,
    report: &Report,
) -> Option<Identity> {
    if !cert_file.is_there() && !key_file.is_there() {
        return None;
    }
    let cert_file = cert_file.required("cert_file", place, report);
    let key_file = key_file.required("key_file", place, report);
    Some(Identity { cert_file: path(cert_file?), key_file: path(key_file?) })
}

fn opened<F: Files>(files: F, place: &Place, report: &Report) -> Option<Arc<Live<F>>> {
    Live::open(files).map(Arc::new).map_err(|error| report.add(place, error)).ok()
}

fn path(file: At<Scalar<String>>) -> PathBuf {
    PathBuf::from(file.value.0)
}
