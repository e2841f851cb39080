//! The queue of one instance: takes allowed calls, hands them to the driver in order, settles each once.
//!
//! In come calls (from the desk), driver events (from the link), and what happens to the link and the
//! process; out go messages to the driver, settled calls, journal entries and events. The order itself
//! is [`order::Order`], a pure state machine; around it: how calls come in ([`taking`]), what the bridge says of
//! them ([`news`]), the link and the process ([`connection`], [`back`]), the clock, and the people who wait.
//! All of it happens under one short lock, in the task of whoever brings the news: no hand-over
//! between tasks on the way of a call. The lane owns the work; callers only wait.
//!
//! ```text
//!            up                    down
//! starting ─────> up ────────────────────────> down ──(grace, or the process is gone)──> lost
//!                  ▲                             │                                         │
//!                  └──────────── up ─────────────┴───────────────── up ────────────────────┘
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::time::Instant;
use wire::{AppId, InstanceName};

use crate::limits;
use crate::records::Records;
use crate::shares::{Bound, Shares};

mod back;
mod clock;
mod connection;
mod ends;
mod news;
pub(crate) mod order;
mod state;
mod taking;
mod turn;
mod view;
mod wedge;
mod window;

use order::Order;
pub(crate) use state::Lane;
use state::{Connection, Inner};
use turn::Turn;
use window::Window;

impl Lane {
    pub(crate) fn new(app: AppId, instance: InstanceName, records: Records) -> Arc<Self> {
        let lane = Arc::new(Self {
            app,
            instance,
            records,
            places: Shares::new(Bound::alike(
                limits::LANE_WAITING_MAX,
                limits::LANE_WAITING_ALL_MAX,
            )),
            inner: Mutex::new(Inner {
                order: Order::default(),
                calls: HashMap::new(),
                connection: Connection::Starting,
                epoch: 0,
                heard: Instant::now(),
                wedged: None,
                leaving: None,
                stopped: None,
                turn: Turn::default(),
                window: Window::default(),
                clock: None,
            }),
            nearer: Arc::new(Notify::new()),
            went_down: Notify::new(),
        });
        tokio::spawn(clock::run_clock(
            Arc::downgrade(&lane),
            Arc::clone(&lane.nearer),
        ));
        lane
    }
}
