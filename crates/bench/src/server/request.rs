//! The least of a request that must be read.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// One connection's requests. No client here sends a request behind another that is not answered
/// yet.
pub(super) struct Requests {
    buffer: Vec<u8>,
}

impl Default for Requests {
    fn default() -> Self {
        let buffer = vec![0; 4096];
        Self { buffer }
    }
}

impl Requests {
    /// Reads a request to its end and gives its target; nothing where the client has gone.
    pub(super) async fn next<S>(&mut self, stream: &mut S) -> io::Result<Option<&str>>
    where
        S: AsyncRead + Unpin,
    {
        let mut filled = 0;
        let head = loop {
            match stream.read(&mut self.buffer[filled..]).await? {
                0 => return Ok(None),
                count => filled += count,
            }
            if let Some(end) = head_end(&self.buffer[..filled]) {
                break end;
            }
        };
        if !self.buffer.starts_with(b"GET ") {
            let length = content_length(&self.buffer[..head]);
            skip(stream, length.saturating_sub((filled - head) as u64)).await?;
        }
        Ok(Some(target(&self.buffer[..head]).unwrap_or_default()))
    }
}

async fn skip<S>(stream: &mut S, bytes: u64) -> io::Result<()>
where
    S: AsyncRead + Unpin,
{
    if bytes == 0 {
        return Ok(());
    }
    let mut left = stream.take(bytes);
    let mut piece = vec![0; 256 * 1024];
    while left.read(&mut piece).await? > 0 {}
    Ok(())
}

fn head_end(read: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    if read.ends_with(END) {
        return Some(read.len());
    }
    let at = read.windows(END.len()).position(|at| at == END)?;
    Some(at + END.len())
}

fn content_length(head: &[u8]) -> u64 {
    let lines = head.split(|&byte| byte == b'\n');
    let mut fields = lines.filter_map(|line| str::from_utf8(line).ok()?.split_once(':'));
    let found = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    found.map_or(0, |(_, value)| value.trim().parse().unwrap_or(0))
}

/// The second word of the first line.
fn target(head: &[u8]) -> Option<&str> {
    let word = head.split(|&byte| byte == b' ').nth(1)?;
    str::from_utf8(word).ok()
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::Requests;

    #[test]
    fn a_requests_body_is_skipped() {
        let mut bytes: &[u8] = b"PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nxxx\
                                 GET /b HTTP/1.1\r\n\r\n";
        let mut put = &bytes[..bytes.len() - 19];
        bytes = &bytes[put.len()..];
        Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(async {
                let mut requests = Requests::default();
                assert_eq!(requests.next(&mut put).await.unwrap(), Some("/a"));
                assert!(put.is_empty());
                assert_eq!(requests.next(&mut bytes).await.unwrap(), Some("/b"));
                assert_eq!(requests.next(&mut bytes).await.unwrap(), None);
            });
    }
}
