//! A SOCKS 5 proxy (RFC 1928, RFC 1929) on loopback that leads every connection to one server.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What clients asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocksRequest {
    /// `name:port` or `address:port`.
    pub target: String,
    /// `user:password`, if the client sent one.
    pub user: Option<String>,
}

pub struct SocksProxy {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<SocksRequest>>>,
}

impl SocksProxy {
    /// `to`: the server; `None` refuses every connection.
    pub fn start(to: Option<SocketAddr>) -> SocksProxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on loopback");
        let address = listener.local_addr().expect("the port just bound");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = log.clone();
                thread::spawn(move || serve(&stream, to, &log));
            }
        });
        SocksProxy { address, requests }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn requests(&self) -> Vec<SocksRequest> {
        let requests = self.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(
    mut client: &TcpStream,
    to: Option<SocketAddr>,
    log: &Mutex<Vec<SocksRequest>>,
) -> io::Result<()> {
    let count = bytes(client, 2)?[1];
    let methods = bytes(client, count.into())?;
    let mut user = None;
    if methods.contains(&2) {
        client.write_all(&[5, 2])?;
        bytes(client, 1)?;
        user = Some(format!("{}:{}", text(client)?, text(client)?));
        client.write_all(&[1, 0])?;
    } else {
        client.write_all(&[5, 0])?;
    }
    let host = match bytes(client, 4)?[3] {
        1 => {
            let octets: [u8; 4] = bytes(client, 4)?.try_into().unwrap_or_default();
            Ipv4Addr::from(octets).to_string()
        }
        _ => text(client)?,
    };
    let port = bytes(client, 2)?;
    let port = u16::from_be_bytes([port[0], port[1]]);
    let target = format!("{host}:{port}");
    log.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(SocksRequest { target, user });
    let Some(to) = to else {
        return client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
    };
    let server = TcpStream::connect(to)?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(client, &server));
        copy(&server, client);
    });
    Ok(())
}

fn bytes(mut client: &TcpStream, count: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; count];
    client.read_exact(&mut buffer)?;
    Ok(buffer)
}

/// A text after its length in one byte.
fn text(client: &TcpStream) -> io::Result<String> {
    let length = bytes(client, 1)?[0];
    let text = bytes(client, length.into())?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
