//! What `tests/bench/run.sh` needs beside the product: a database with many credentials, and the handlers that the
//! product's token read and its proxy are compared with.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that can't be taken ends here and says why"
)]

mod forward;
mod reference;
mod seed;

use std::path::Path;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["seed", folder, count] => Box::pin(seed::seed(Path::new(folder), count.parse().unwrap())).await,
        ["serve", database, id] => reference::serve(Path::new(database), id).await,
        ["forward", upstream] => forward::forward(upstream).await,
        _ => panic!("seed FOLDER COUNT, serve DATABASE CREDENTIAL, or forward HOST:PORT"),
    }
}
