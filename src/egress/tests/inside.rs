//! Nothing gets to where the hub's own network is (S10), however its addresses are written, by whatever name they are
//! called, and whatever that name meant a moment ago.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Request;
use http_body_util::{BodyExt as _, Empty};

use super::super::guard::tests::EDGES;
use super::*;

const CLASSES: [Class; 3] = [Class::Token, Class::Check, Class::Webhook];
const CONNECTS: usize = 50;

/// Somebody inside whom nobody may call.
struct Canary(std::net::TcpListener);

impl Canary {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Nobody came; and whoever comes is seen at once, since the system takes the call.
    fn assert_uncalled(&self) {
        assert!(self.0.accept().is_err(), "somebody called");
        let _caller = std::net::TcpStream::connect(self.address()).unwrap();
        assert!(self.0.accept().is_ok());
    }
}

/// First and last address of each range that is blocked.
fn edges() -> Vec<IpAddr> {
    EDGES.iter().flat_map(|(_, first, last, _)| [first, last]).map(|text| text.parse().unwrap()).collect()
}

/// The ways to write an address of IPv4 as a host.
fn written(ip: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = ip.octets();
    let bits = ip.to_bits();
    let (high, low) = (bits >> 16, bits & 0xffff);
    let text = ip.to_string();
    let wide = text.chars().map(|letter| char::from_u32(u32::from(letter) + 0xfee0).unwrap());
    let escaped: Vec<String> = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    vec![
        text.clone(),
        format!("{text}."),
        format!("{bits}"),
        format!("0x{bits:x}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("{a}.{}", bits & 0xff_ffff),
        format!("{a}.{b}.{low}"),
        wide.collect(),
        escaped.concat(),
        format!("[::ffff:{ip}]"),
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[::{ip}]"),
        format!("[64:ff9b::{high:x}:{low:x}]"),
        format!("[2002:{high:x}:{low:x}::]"),
    ]
}

/// The same for IPv6.
fn written_long(ip: Ipv6Addr) -> Vec<String> {
    let groups = ip.segments().map(|group| format!("{group:04x}"));
    let [.., high, low] = ip.segments();
    let tail = Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    let long = groups.join(":");
    vec![
        format!("[{ip}]"),
        format!("[{}]", long.to_uppercase()),
        format!("[{}:{tail}]", groups[..6].join(":")),
        format!("[{long}]"),
    ]
}

/// Addresses in every writing; those of the canary are with its port.
fn corpus(canary: SocketAddr) -> Vec<Url> {
    let mut urls = Vec::new();
    for ip in edges() {
        let hosts = match ip {
            IpAddr::V4(ip) => written(ip),
            IpAddr::V6(ip) => written_long(ip),
        };
        urls.extend(hosts.into_iter().map(|host| format!("https://{host}/latest?token={SECRET}")));
    }
    let port = canary.port();
    urls.extend(
        written(Ipv4Addr::new(127, 0, 0, 2)).into_iter().map(|host| format!("https://{host}:{port}/")),
    );
    urls.iter().map(|url| Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))).collect()
}

/// How a call to `url` went by each of the clients; its port is one that the caller may use.
async fn called(egress: &Egress, url: &Url) -> Vec<Result<(), NotSent>> {
    let mut went = Vec::new();
    for class in CLASSES {
        let mut request = get(url.as_str(), class);
        request.allowed_ports.extend(url.port());
        went.push(match egress.send(request).await {
            Ok(_) => Ok(()),
            Err(EgressError::NotSent(cause)) => Err(cause),
            Err(other) => panic!("{class:?}: {other:?}"),
        });
    }
    went.push(streamed(egress, url).await);
    went
}

async fn streamed(egress: &Egress, url: &Url) -> Result<(), NotSent> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = Request::get(url.as_str()).body(body).unwrap();
    match egress.stream(request, url.port()).await {
        Ok(_) => Ok(()),
        Err(StreamError::NotSent(cause)) => Err(cause),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn s10_no_writing_of_an_inner_address_is_called() {
    let canary = Canary::start();
    let closed = Egress::new(EgressConfig::default()).unwrap();
    let urls = corpus(canary.address());
    assert!(urls.len() >= 400, "{}", urls.len());
    for url in &urls {
        assert_eq!(closed.check_reachable(url).await, Err(Refusal::Address), "{url}");
        assert_eq!(called(&closed, url).await, [Err(NotSent::Guard(Refusal::Address)); 4], "{url}");
    }
    canary.assert_uncalled();
}

#[tokio::test]
async fn s10_no_name_of_an_inner_address_is_called() {
    let canary = Canary::start();
    let mut addresses: Vec<SocketAddr> = edges().into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
    addresses.push(canary.address());
    let (count, public) = (addresses.len(), SocketAddr::from(([93, 184, 216, 34], 0)));
    let look_up = move |name: &str| {
        let (kind, number) = name.trim_end_matches(".test").split_at(1);
        let inside = addresses[number.parse::<usize>().unwrap()];
        match kind {
            "a" => vec![inside],
            "b" => vec![public, inside],
            _ => vec![inside, public],
        }
    };
    let closed = Egress::with_names(EgressConfig::default(), look_up).unwrap();
    for number in 0..count {
        for kind in ["a", "b", "c"] {
            let url = Url::parse(&format!("https://{kind}{number}.test/")).unwrap();
            assert_eq!(closed.check_reachable(&url).await, Err(Refusal::Address), "{url}");
            assert_eq!(called(&closed, &url).await, [Err(NotSent::Guard(Refusal::Address)); 4], "{url}");
        }
    }
    canary.assert_uncalled();
}

/// Somebody who answers once on each connection, and how many there were.
async fn answering() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            socket.write_all(answer).await.unwrap();
        }
    });
    (address, count)
}

#[tokio::test]
async fn s10_a_name_that_means_something_else_each_time_leads_nowhere_inside() {
    let canary = Canary::start();
    let (honest, served) = answering().await;
    let allow = vec!["127.0.0.1/32".parse().unwrap()];
    let config = EgressConfig { allow, allow_http: true, ..EgressConfig::default() };
    let url = Url::parse("http://flips.test/").unwrap();
    // The three kinds of plain calls, and the streamed one.
    for client in 0..=CLASSES.len() {
        let asked = Arc::<AtomicUsize>::default();
        let (counted, inside) = (Arc::clone(&asked), canary.address());
        let look_up = move |_: &str| match counted.fetch_add(1, Ordering::SeqCst) % 4 {
            0 => vec![honest],
            1 => vec![inside],
            2 => vec![honest, inside],
            _ => vec![inside, honest],
        };
        let egress = Egress::with_names(config.clone(), look_up).unwrap();
        let before = served.load(Ordering::SeqCst);
        for connect in 0..CONNECTS {
            let went = match CLASSES.get(client) {
                Some(class) => match egress.send(get(url.as_str(), *class)).await {
                    Ok(_) => Ok(()),
                    Err(EgressError::NotSent(cause)) => Err(cause),
                    Err(other) => panic!("{other:?}"),
                },
                None => streamed(&egress, &url).await,
            };
            let expected = if connect % 4 == 0 { Ok(()) } else { Err(NotSent::Guard(Refusal::Address)) };
            assert_eq!(went, expected, "client {client}, connect {connect}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), CONNECTS, "a name is looked up once for each connection");
        assert_eq!(served.load(Ordering::SeqCst) - before, CONNECTS.div_ceil(4));
    }
    canary.assert_uncalled();
}
