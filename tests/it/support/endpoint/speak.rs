//! HTTP by hand: reads requests, and writes what passes for an answer.

use super::{Behaviour, Received};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

/// What becomes of the connection.
pub enum Then {
    /// It is closed.
    Goes,
    /// It may bring another request.
    Stays,
}

/// Does with a request what it should.
pub async fn behave<S: AsyncWrite + Unpin>(stream: &mut S, behaviour: Behaviour) -> io::Result<Then> {
    match behaviour {
        Behaviour::Answer { status, headers, body } => return answer(stream, status, &headers, &body).await,
        Behaviour::Late(_) => return answer(stream, 200, &[], b"at last").await,
        Behaviour::Hang | Behaviour::Deaf => std::future::pending::<()>().await,
        Behaviour::Reset | Behaviour::Close => {}
        Behaviour::Drip(pause) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await?;
            drip(stream, &b"a".repeat(1_000_000), pause).await?;
        }
        Behaviour::DripHead(pause) => {
            drip(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", pause).await?;
        }
        Behaviour::Short => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc").await?,
        Behaviour::Garbage => stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n\r\n").await?,
        Behaviour::EndlessHead => endless(stream, b"HTTP/1.1 200 OK\r\nx-a: ").await?,
        Behaviour::EndlessBody => {
            endless(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n").await?;
        }
    }
    Ok(Then::Goes)
}

async fn answer<S: AsyncWrite + Unpin>(
    stream: &mut S,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> io::Result<Then> {
    let mut head = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).await?;
    stream.flush().await?;
    let closes = headers.iter().any(|(name, value)| name == "connection" && value == "close");
    Ok(if closes { Then::Goes } else { Then::Stays })
}

async fn drip<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8], pause: Duration) -> io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        stream.flush().await?;
        sleep(pause).await;
    }
    Ok(())
}

async fn endless<S: AsyncWrite + Unpin>(stream: &mut S, head: &[u8]) -> io::Result<()> {
    stream.write_all(head).await?;
    let more = b"a".repeat(16 * 1024);
    loop {
        stream.write_all(&more).await?;
    }
}

/// Reads one request; none when the connection ends.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Option<Received> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, buffer).await?;
    };
    let head = String::from_utf8_lossy(buffer.get(..head_end)?).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    while buffer.len() < head_end + length {
        more(stream, buffer).await?;
    }
    let body = buffer.get(head_end..head_end + length)?.to_vec();
    buffer.drain(..head_end + length);
    Some(Received { method, path, headers, body })
}

async fn more<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Option<()> {
    let mut chunk = vec![0; 16 * 1024];
    let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
    buffer.extend_from_slice(chunk.get(..count)?);
    Some(())
}
