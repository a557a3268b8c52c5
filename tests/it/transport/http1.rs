//! HTTP/1: what works, what is refused, and what is not waited for.

use std::time::{Duration, Instant};

use milvus_rbac::server::Limits;

use super::toy::{BIG, Raw, Toy, short};

const GET: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";
const LAST: &str = "GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// Sends a last request that ends the connection; all that came.
async fn finished(raw: &mut Raw) -> String {
    raw.send(LAST).await;
    raw.rest().await
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    for _ in 0..3 {
        raw.send(GET).await;
        assert!(raw.until("hello").await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    raw.send("GET /peer HTTP/1.1\r\nhost: x\r\n\r\n").await;
    raw.until("127.0.0.1").await;
    assert!(finished(&mut raw).await.ends_with("hello"));
}

#[tokio::test]
async fn pipelined_requests_with_bodies_are_answered_in_order() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    raw.send(
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\none\
         POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\
         2;ext=1\r\ntw\r\n1\r\no\r\n0\r\nx-a: b\r\n\r\n\
         GET /hello HTTP/1.1\r\nhost: x\r\n\r\n",
    )
    .await;
    let answers = finished(&mut raw).await;
    assert_eq!(count(&answers, "HTTP/1.1 200 OK"), 4, "{answers}");
    let (one, two) = (answers.find("one").unwrap(), answers.find("two").unwrap());
    assert!(one < two && two < answers.find("hello").unwrap(), "{answers}");
    assert!(answers.contains("x-trailers: 1"), "{answers}");
    assert_eq!(toy.seen(), ["/echo", "/echo", "/hello", "/last"]);
}

#[tokio::test]
async fn a_body_cut_at_every_byte_arrives_whole() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    let request = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\
                   5\r\nabcde\r\n0\r\n\r\n";
    for byte in request.bytes() {
        raw.send([byte]).await;
        tokio::task::yield_now().await;
    }
    raw.until("abcde").await;
    assert!(finished(&mut raw).await.ends_with("hello"));
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    let body = "0123456789".repeat(200_000);
    let head = format!(
        "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    raw.send(head + &body).await;
    let answer = raw.rest().await;
    assert!(answer.split_once("\r\n\r\n").unwrap().1 == body);
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    raw.send("GET /hello HTTP/1.0\r\n\r\n").await;
    let answer = raw.rest().await;
    assert!(answer.starts_with("HTTP/1.0 200 OK") && answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn an_upgrade_to_h2c_is_ignored() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    raw.send(
        "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\n\
         upgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\
         content-length: 4\r\n\r\nbody",
    )
    .await;
    assert!(raw.until("body").await.starts_with("HTTP/1.1 200 OK\r\n"));
    let answer = finished(&mut raw).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn a_client_that_waits_for_100_gets_it() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    raw.send("POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
        .await;
    assert_eq!(raw.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    raw.send("body").await;
    assert!(raw.until("body").await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_client_that_closes_its_side_still_reads_the_answer() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    raw.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    raw.close_write().await;
    toy.reached("/slow").await;
    // Time for the server to notice the end of input, were it to mind.
    tokio::time::sleep(Duration::from_millis(50)).await;
    toy.shared.release.notify_waiters();
    assert!(raw.rest().await.ends_with("released"));
}

#[tokio::test]
async fn what_could_be_read_two_ways_is_refused_and_nothing_after_it_is_read() {
    let toy = Toy::start(Limits::default()).await;
    let body = "5\r\nabcde\r\n0\r\n\r\n";
    for bad in [
        format!("content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n{body}"),
        format!("transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n{body}"),
        format!("transfer-encoding: gzip, chunked\r\n\r\n{body}"),
        format!("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n{body}"),
        format!("transfer-encoding:\x0bchunked\r\n\r\n{body}"),
        format!("transfer-encoding : chunked\r\n\r\n{body}"),
        "content-length: 1\r\ncontent-length: 2\r\n\r\na".into(),
        "content-length: 1\r\ncontent-length: 1\r\n\r\na".into(),
        "content-length: 1, 1\r\n\r\na".into(),
        "content-length: +1\r\n\r\na".into(),
        "content-length: -1\r\n\r\na".into(),
        "x-a: b\r\n content-length: 9\r\n\r\n".into(),
        "x-a: b\r\n\tfolded\r\n\r\n".into(),
        "x-a: b\nx-c: d\r\n\r\n".into(),
        "x-a: b\n\n".into(),
        "x-a: b\rx-c: d\r\n\r\n".into(),
        "x-a: \0\r\n\r\n".into(),
        "x-a: \x07\r\n\r\n".into(),
        "host: y\r\n\r\n".into(),
        "no colon\r\n\r\n".into(),
    ] {
        let mut raw = toy.connect().await;
        raw.send(format!("POST /bad HTTP/1.1\r\nhost: x\r\n{bad}{GET}")).await;
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{bad:?}: {answer:?}");
        assert!(answer.contains("connection: close\r\n"), "{bad:?}: {answer:?}");
        assert_eq!(count(&answer, "HTTP/1.1"), 1, "{bad:?}: {answer:?}");
    }
    for garbage in [
        "\0\0\0\0\0\0\0\0\0\0\0\0",
        "hello\r\n\r\n",
        "GET / HTTP/1.1\n\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/3.7\r\nhost: x\r\n\r\n",
        "GET  / HTTP/1.1\r\nhost: x\r\n\r\n",
        " GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "\r\n\r\n",
    ] {
        let mut raw = toy.connect().await;
        raw.send(format!("{garbage}{GET}")).await;
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{garbage:?}: {answer:?}");
    }
    assert_eq!(toy.seen(), [""; 0]);
}

#[tokio::test]
async fn a_bad_second_request_is_refused_after_the_first_is_answered() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    raw.send(format!("{GET}GET /bad HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n{GET}")).await;
    let answers = raw.rest().await;
    assert!(answers.starts_with("HTTP/1.1 200 OK"), "{answers}");
    assert_eq!(count(&answers, "HTTP/1.1 "), 2, "{answers}");
    assert!(answers.contains("helloHTTP/1.1 400 Bad Request"), "{answers}");
    assert_eq!(toy.seen(), ["/hello"]);
}

#[tokio::test]
async fn a_malformed_chunk_ends_the_connection_and_hides_nothing() {
    let toy = Toy::start(Limits::default()).await;
    for chunk in ["3\nabc\n0\n\n", "0x3\r\nabc\r\n", "3\r\nabcde\r\n", "g\r\n", "-1\r\n"] {
        let mut raw = toy.connect().await;
        raw.send(format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{GET}"
        ))
        .await;
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{chunk:?}: {answer:?}");
        assert_eq!(count(&answer, "HTTP/1.1 "), 1, "{chunk:?}: {answer:?}");
    }
    assert!(toy.seen().iter().all(|path| path == "/echo"), "{:?}", toy.seen());
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431_and_the_answer_arrives() {
    let toy = Toy::start(Limits::default()).await;
    for size in [33 * 1024, 1024 * 1024] {
        let mut raw = toy.connect().await;
        let token = "a".repeat(size);
        raw.send(format!("GET / HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\n\r\n")).await;
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{size}: {answer:?}");
    }
    let mut raw = toy.connect().await;
    let token = "a".repeat(31 * 1024);
    raw.send(format!("GET /large HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\n\r\n")).await;
    assert!(raw.until("hello").await.starts_with("HTTP/1.1 200"));
    assert_eq!(toy.seen(), ["/large"]);
}

#[tokio::test]
async fn a_refused_client_that_is_still_sending_is_not_reset() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    raw.send(format!("GET / HTTP/1.1\r\nhost: x\r\na: {}", "a".repeat(33 * 1024))).await;
    raw.until("\r\n\r\n").await;
    assert_eq!(raw.rest().await, "", "the server has closed its side");
    for _ in 0..10 {
        // Fails on a connection that was reset.
        raw.send(vec![b'a'; 64 * 1024]).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn heads_that_do_not_come_to_an_end_are_not_waited_for() {
    let toy = Toy::start(short()).await;
    for start in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\n"]
    {
        let begun = Instant::now();
        let mut raw = toy.connect().await;
        raw.send(start).await;
        assert_eq!(raw.rest().await, "", "{start:?}");
        assert!(begun.elapsed() >= Duration::from_millis(250), "{start:?}");
    }
    // The second head of a connection, too.
    let mut raw = toy.connect().await;
    raw.send(GET).await;
    raw.until("hello").await;
    raw.send("GET / HTTP").await;
    assert_eq!(raw.rest().await, "");
}

#[tokio::test]
async fn many_half_sent_prefaces_keep_nobody_out_and_leave_nothing() {
    let toy = Toy::start(short()).await;
    let mut halves = Vec::new();
    for _ in 0..200 {
        let mut raw = toy.connect().await;
        raw.send("PRI * HTTP/2.0\r\n").await;
        halves.push(raw);
    }
    let mut raw = toy.connect().await;
    assert!(finished(&mut raw).await.ends_with("hello"));
    for mut half in halves {
        assert_eq!(half.rest().await, "");
    }
}

#[tokio::test]
async fn idle_connections_have_a_time_of_their_own() {
    let limits = Limits { http1_idle_timeout: Duration::from_millis(900), ..short() };
    let toy = Toy::start(limits).await;
    let mut raw = toy.connect().await;
    raw.send(GET).await;
    raw.until("hello").await;
    // Longer than a head may take: what has not begun is not late.
    tokio::time::sleep(Duration::from_millis(500)).await;
    raw.send(GET).await;
    raw.until("hello").await;
    let begun = Instant::now();
    assert_eq!(raw.rest().await, "");
    assert!(begun.elapsed() >= Duration::from_millis(700));
}

#[tokio::test]
async fn tls_is_hung_up_on_at_once() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    raw.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await;
    assert_eq!(raw.rest().await, "");
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut() {
    let toy = Toy::start(short()).await;
    for framing in
        ["content-length: 9\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"]
    {
        let mut raw = toy.connect().await;
        raw.send(format!("POST /echo HTTP/1.1\r\nhost: x\r\n{framing}")).await;
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains("the request body was not complete"), "{answer}");
    }
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_hung_up_on() {
    let limits = Limits { write_timeout: Duration::from_millis(300), ..Limits::default() };
    let toy = Toy::start(limits).await;
    let mut raw = toy.connect().await;
    raw.send("GET /big HTTP/1.1\r\nhost: x\r\n\r\n").await;
    toy.reached("/big").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let got = raw.rest_bytes().await.len();
    assert!(got < BIG, "{got}");
    // Whereas one that reads gets it all, however long that takes.
    let mut raw = toy.connect().await;
    raw.send("GET /big HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(raw.rest_bytes().await.len() > BIG);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_connection_lives() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    raw.send("GET /panic HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answer = raw.until(r#"{"code":500}"#).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.contains("content-type: application/json; charset=utf-8\r\n"), "{answer}");
    assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
    raw.send(GET).await;
    raw.until("hello").await;
}

#[test]
fn a_panic_says_nothing_of_the_request() {
    // The test above, in a process of its own whose output can be read.
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["transport::http1::a_panic_is_a_500_and_the_connection_lives"])
        .args(["--exact", "--nocapture"])
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert!(!text.contains("secret-in-a-panic"), "{text}");
}

#[tokio::test]
async fn a_tunnel_is_refused() {
    let toy = Toy::start(Limits::default()).await;
    let mut raw = toy.connect().await;
    raw.send("CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n").await;
    assert!(raw.rest().await.starts_with("HTTP/1.1 405 "));
    assert_eq!(toy.seen(), [""; 0]);
}
