//! Bounds the memory of large answers that callers read slowly.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::sync::watch;

use super::access::CalledBy;
use super::at_once::{AtOnce, Place, network};
use super::connections::{Cut, READING_LIMIT};
use crate::error::Error;

/// Smaller answers are not counted, in bytes.
const SMALL: u64 = 4 << 10;
/// Answers to calls that change something are smaller, in bytes. They are sent even if there is no room.
const LARGEST_OF_WRITE: u64 = 64 << 10;
/// All large answers that are being sent, in bytes.
const MOST: usize = 512 << 20;
/// Those of one caller.
const MOST_OF_ONE: usize = 128 << 20;
/// What is handed to the connection at once, in bytes.
const PART: usize = 4 << 10;

/// Who reads an answer: a known caller, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Reader {
    Known(Arc<str>),
    Address(Option<IpAddr>),
}

/// Large answers that are being sent.
#[derive(Debug, Clone)]
pub(super) struct Sending(Arc<AtOnce<Reader>>);

impl Default for Sending {
    fn default() -> Self {
        Self(Arc::new(AtOnce::new(MOST, MOST_OF_ONE)))
    }
}

/// Counts a large answer until it is sent.
pub(super) async fn bounded(
    State(sending): State<Sending>,
    request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    let cut = request.extensions().get::<Cut>().cloned();
    let address = peer.map(|ConnectInfo(peer)| network(peer.ip()));
    let answer = next.run(request).await;
    let size = answer.body().size_hint().lower();
    if size <= SMALL {
        return answer;
    }
    // Whoever changed something must hear of it. `POST` may also ask, such as whether a definition is right.
    let is_sure = !is_read && size <= LARGEST_OF_WRITE;
    let reader = match answer.extensions().get::<CalledBy>() {
        Some(CalledBy(name)) => Reader::Known(Arc::clone(name)),
        None => Reader::Address(address),
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    match sending.0.enter(reader, size) {
        None if !is_sure => Error::Overloaded.into_response(),
        place => answer.map(|body| Body::new(Held::new(body, place, cut))),
    }
}

/// The body of an answer in parts, so that its place is held until the last part is handed over.
struct Held {
    body: Body,
    /// What is not handed over yet of the last piece of `body`.
    rest: Bytes,
    /// Told of each part that is handed over.
    parts: watch::Sender<()>,
    _place: Option<Place<Reader>>,
}

impl Held {
    fn new(body: Body, place: Option<Place<Reader>>, cut: Option<Cut>) -> Self {
        let (parts, handed_over) = watch::channel(());
        if let Some(cut) = cut {
            tokio::spawn(cut_off(cut, handed_over));
        }

        Self {
            body,
            rest: Bytes::new(),
            parts,
            _place: place,
        }
    }
}

/// Cuts a connection off on which a caller takes nothing. HTTP/2 lets a caller do so while the connection itself goes on.
async fn cut_off(cut: Cut, mut handed_over: watch::Receiver<()>) {
    loop {
        match tokio::time::timeout(READING_LIMIT, handed_over.changed()).await {
            Ok(Ok(())) => {}
            // The answer is sent.
            Ok(Err(_)) => return,
            Err(_) => return cut.0.cancel(),
        }
    }
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        }
        let size = self.rest.len().min(PART);
        self.parts.send_replace(());

        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let rest = self.rest.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);

        hint
    }
}
