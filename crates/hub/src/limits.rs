//! Every bound of the hub, with unit and reason. A number that bounds something stands here and
//! nowhere else; bounds of the wire stand beside its decoder in `wire::frame`.

use std::time::Duration;

/// Files of one folder of the home whose permissions are checked when a hub starts.
pub const HOME_FILES_LOOKED_AT_MAX: usize = 10_000;
/// Space kept free on the home's disk, in bytes: several times what a start writes.
pub const RESERVE_BYTES: usize = 256 * 1024;
/// Free space, in bytes, below which the disk counts as full: the next write of any size fails.
pub const ROOM_BYTES_MIN: u64 = 512 * 1024;
/// How often free space is checked, so that people can be told.
pub const ROOM_LOOK: Duration = Duration::from_secs(5);
/// Waiting calls of one caller in one lane; beyond it, the caller is refused at once instead of waiting for hours.
pub const LANE_WAITING_MAX: usize = 1_000;
/// Waiting calls of all callers in one lane: enough for several busy callers side by side.
pub const LANE_WAITING_ALL_MAX: usize = 4_000;
/// Memory for one caller's calls that have not started, in all lanes and batches, in bytes: a few of the largest calls,
/// or thousands of small ones.
pub const WAITING_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The same for all callers.
pub const WAITING_ALL_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// What a waiting call counts as besides its arguments, in bytes.
pub const WAITING_CALL_BYTES: usize = 2 * 1024;
/// Calls sent to a bridge ahead of their turn while calls are quick, so that the bridge never idles for a round trip.
pub const LANE_WINDOW: usize = 32;
/// The same while calls are slow: calls at a bridge cannot be overtaken, but they outlive the hub, unlike calls waiting
/// in a lane.
pub const LANE_WINDOW_MIN: usize = 8;
/// Run time up to which a call counts as quick; a full window of such calls takes a third of a second.
pub const LANE_QUICK: Duration = Duration::from_millis(10);
/// Time limit for the whole handshake of a bridge.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// First message of an unauthenticated bridge, in bytes: a greeting takes about a hundred.
pub const HELLO_BYTES_MAX: usize = 64 * 1024;
/// Announcement of a bridge whose proof has not been checked yet, in bytes: enough for thousands of commands.
pub const ANNOUNCEMENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Announcements larger than `HELLO_BYTES_MAX` received at a time from bridges whose proof is not at the beginning, so
/// that unauthenticated bridges cannot fill memory.
pub const LARGE_ANNOUNCEMENTS_MAX: usize = 8;
/// The proof of a large announcement must be within this many bytes of its beginning; it is the second member.
pub const PROOF_WITHIN_BYTES: usize = 512;
/// Connections to the bridge port that are not authenticated yet, so that they cannot fill memory.
pub const HANDSHAKES_MAX: usize = 256;
/// How long an unauthenticated connection keeps its place, however many others arrive: a handshake takes a few
/// milliseconds, or a tenth of a second on a busy machine.
pub const STRANGER_TURN: Duration = Duration::from_millis(200);
/// Bytes read at a time from an unauthenticated bridge: a greeting takes about a hundred.
pub const STRANGER_READ_BYTES: usize = 4 * 1024;
/// How often one call may be sent and lost because the link breaks at that point; after that, the call itself is
/// probably the cause. An unreliable network can lose the same call several times too, so the number allows for about
/// half a minute without a working link.
pub const MISSED_MAX: u8 = 20;
/// How often a bridge sends a heartbeat: often enough that `wedged` shows within a second.
pub const HEARTBEAT: Duration = Duration::from_millis(500);
/// Silence after which an instance counts as unresponsive: ten heartbeats.
pub const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How long a call may exceed its time limit before its bridge is told to end it; normally the bridge does so by
/// itself.
pub const ENDS_BY_ITSELF: Duration = Duration::from_millis(200);
/// How long a call may continue after it was told to end before the instance counts as wedged.
pub const WEDGED_AFTER: Duration = Duration::from_millis(700);
/// How long a lost link may take to come back before its calls end as `interrupted`: a bridge reconnects within a few
/// tenths of a second, so a longer loss means that a hub or a network is in trouble.
pub const RECONNECT_GRACE: Duration = Duration::from_secs(10);
/// How long after the hub's start a request for an unknown call waits, because a bridge that has not reconnected yet
/// may bring that call.
pub const RETURN_GRACE: Duration = Duration::from_secs(2);
/// How often the process behind a lost link is checked: no portable event reports the end of a process that is not the
/// hub's child.
pub const PROCESS_LOOK: Duration = Duration::from_millis(100);
/// Time limit if neither caller nor command sets one: longer than the work people wait for, and short enough that a
/// forgotten loop does not block everyone else for the rest of the morning; commands that take long set their own.
pub const CALL_TIMEOUT_DEFAULT: Duration = Duration::from_secs(120);
/// The same for a job, which nobody sits and waits for.
pub const JOB_TIMEOUT_DEFAULT: Duration = Duration::from_secs(3600);
/// Longest time limit that a caller may set: a week.
pub const CALL_TIMEOUT_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// A short text in a request, in bytes: a name, an id, a key, a label's name or value. Such texts are stored, and sent
/// to all subscribers.
pub const WORD_BYTES_MAX: usize = 256;
/// A file path in a request, in bytes: the longest that Linux allows.
pub const PATH_BYTES_MAX: usize = 4_096;
/// Instances known at a time, connected or not, to limit memory and keep the list readable.
pub const INSTANCES_MAX: usize = 256;
/// A text with which a bridge identifies itself (its version, its file, its session), in bytes: as long as the longest
/// path.
pub const ANNOUNCED_TEXT_BYTES_MAX: usize = 4_096;
/// Commands that one bridge may announce; each is checked and kept in memory.
pub const ANNOUNCED_COMMANDS_MAX: usize = 2_000;
/// A compiled pattern of an argument schema, in bytes: enough for a pattern of some thousand characters. A bridge may
/// announce one for each argument, so together they must fit in memory.
pub const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Places in one argument schema with all references resolved: the largest of Kapelle's own has a few hundred.
pub const SCHEMA_PLACES_MAX: usize = 20_000;
/// Characters of outside text quoted in a problem: enough to recognize it.
pub const QUOTED_CHARS_MAX: usize = 300;
/// Ended calls that the journal keeps in memory.
pub const JOURNAL_CALLS_MAX: usize = 10_000;
/// Bytes of outcomes that the journal keeps in memory; the oldest values are dropped first.
pub const JOURNAL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Days that ended calls and jobs are kept by default: one month of a project.
pub const HISTORY_KEEP_DAYS: u32 = 30;
/// Disk space for ended calls by default, in MB of 1,000,000 bytes: some hundred thousand calls.
pub const HISTORY_KEEP_MB: u64 = 512;
/// How often the disk space of calls and jobs is checked: a flood of them fills a disk in less than an hour.
pub const HISTORY_SIZE_LOOK: Duration = Duration::from_secs(10);
/// How often the history is checked for calls that are too old.
pub const HISTORY_LOOK: Duration = Duration::from_secs(3600);
/// Ended calls of one caller waiting to be stored: one second of the busiest work; beyond it, calls are counted but not
/// stored.
pub const HISTORY_WAITING_MAX: usize = 8_192;
/// The same for all callers.
pub const HISTORY_WAITING_ALL_MAX: usize = 16_384;
/// How long the first ended call of a group waits for others before all are stored together: waking a thread for each
/// call would add some 10 µs to the call.
pub const HISTORY_LINGER: Duration = Duration::from_millis(50);
/// Ended calls that are stored without waiting for more.
pub const HISTORY_GROUP: usize = 1_024;
/// Bytes of ended calls of one caller waiting to be stored.
pub const HISTORY_WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The same for all callers.
pub const HISTORY_WAITING_ALL_BYTES_MAX: usize = 128 * 1024 * 1024;
/// What large arguments, or a large value, count as while the call waits to be stored, in bytes.
pub const HISTORY_LARGE_BYTES: usize = 8 * 1024 * 1024;
/// Arguments in the history, in bytes; larger ones are stored as a blob.
pub const HISTORY_ARGS_BYTES_MAX: usize = 64 * 1024;
/// A value in the history, in bytes; a larger one is left out.
pub const HISTORY_VALUE_BYTES_MAX: usize = 64 * 1024;
/// A printed text in the history, in bytes; a longer one is shortened.
pub const HISTORY_TEXT_BYTES_MAX: usize = 64 * 1024;
/// Log records of one call in the history.
pub const HISTORY_LOGS_MAX: usize = 200;
/// Changed things of one call in the history.
pub const HISTORY_CHANGES_MAX: usize = 500;
/// Size in bytes from which a message is encoded and decoded outside the worker threads: it takes about a millisecond
/// of JSON.
pub const LARGE_MESSAGE_BYTES: usize = 256 * 1024;
/// Events that a subscriber may fall behind; beyond it, events are dropped and the subscriber is told.
pub const FEED_EVENTS_MAX: usize = 4_096;
/// Events kept for subscribers that reconnect: some minutes of busy work.
pub const FEED_WINDOW_EVENTS: usize = 10_000;
/// Approximate size of the kept events, in bytes: about 3 kB each, including the JSON that all readers share. The
/// oldest are dropped first.
pub const FEED_WINDOW_BYTES: usize = 32 * 1024 * 1024;
/// A value in a kept event, in bytes; a larger one is replaced by a note that says where it is.
pub const FEED_VALUE_BYTES_MAX: usize = 8 * 1024;
/// A text in a kept event, in bytes; a longer one is shortened, with a note.
pub const FEED_TEXT_BYTES_MAX: usize = 8 * 1024;
/// Log records in a kept event, and changed things of each kind.
pub const FEED_LIST_MAX: usize = 50;
/// Kept events a subscriber reads at a time; lanes wait meanwhile.
pub const FEED_LOOK_EVENTS: usize = 1_000;
/// How long events are kept while nobody is subscribed: a subscriber that lost its connection is back by then.
pub const FEED_KEPT_ALONE: Duration = Duration::from_secs(600);
/// How long the feed pauses for each of its readers after waking them: four hundred readers are woken 25 times a
/// second.
pub const FEED_READER_PAUSE: Duration = Duration::from_micros(100);
/// Longest such pause: no event is delayed by more, however many readers there are.
pub const FEED_PAUSE_MAX: Duration = Duration::from_millis(100);
/// Topics of one subscription.
pub const FEED_TOPICS_MAX: usize = 64;
/// Calls in progress that are sent to a new subscriber; 256 full lanes may hold more.
pub const SNAPSHOT_CALLS_MAX: usize = 1_000;
/// A bridge's description of one change of its state, in bytes; a longer one becomes a count.
pub const STATE_CHANGES_BYTES_MAX: usize = 16 * 1024;
/// Machine-readable details of one progress report, in bytes: some dozens of workers with a line each. Larger details
/// are left out.
pub const PROGRESS_DETAILS_BYTES_MAX: usize = 32 * 1024;
/// Commands that the hub runs itself at a time: each may have a dozen instances at work.
pub const CONDUCTED_MAX: usize = 64;
/// Of these, commands of one caller. Jobs do not count: they take turns of their own.
pub const CONDUCTED_PER_CALLER_MAX: usize = 16;
/// How long such a command may take to end when it is told to, before it is given up: it stops programs first.
pub const CONDUCT_END_MAX: Duration = Duration::from_secs(30);
/// Log records kept in the outcome of such a command: more than anybody reads.
pub const CONDUCT_LOGS_MAX: usize = 1_000;
/// Open confirmations of one caller; beyond it, the caller's oldest is dropped. A person gives one at a time.
pub const CONFIRMATIONS_PER_CALLER_MAX: usize = 64;
/// Open confirmations of all callers; beyond it, the oldest of the caller with the most is dropped.
pub const CONFIRMATIONS_MAX: usize = 10_000;
/// What a person is asked to confirm at a time, in characters: nobody reads more. Longer values are each shortened in
/// the middle.
pub const QUESTION_CHARS_MAX: usize = 16_000;
/// How long a confirmation stays open.
pub const CONFIRMATION_LIFE: Duration = Duration::from_secs(300);
/// Size of one blob, in bytes: a film of a night's renders is passed by its path, not as a blob.
pub const BLOB_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Size of all blobs together, in bytes; the least recently used are removed.
pub const BLOBS_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;
/// Size of all blobs still being written, in bytes: half of the above, so that uploads never push out everything that
/// is stored.
pub const BLOB_DRAFTS_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Blobs that the arguments of one call may refer to.
pub const CALL_BLOBS_MAX: usize = 64;
/// From launch to handshake: an application that starts cold on a busy machine needs tens of seconds.
pub const START_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a background instance may take to exit when asked, before it is killed.
pub const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the link of an ended process is still read. What the process sent last has already arrived on this machine,
/// so this matters only if a child of the process keeps the link open.
pub const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);
/// Delay before the first restart of a background instance that ended unexpectedly; doubled each time.
pub const RESTART_DELAY_MIN: Duration = Duration::from_millis(500);
/// Longest delay before a restart.
pub const RESTART_DELAY_MAX: Duration = Duration::from_secs(60);
/// Restarts in a row before the hub gives up and says so.
pub const RESTARTS_MAX: u32 = 8;
/// How long an instance must run before its earlier restarts no longer count.
pub const RESTART_FORGIVEN_AFTER: Duration = Duration::from_secs(60);
/// How often a process with a memory limit is checked; it can exceed its limit by what it allocates in this time.
pub const MEMORY_LOOK: Duration = Duration::from_millis(250);
/// Longest time limit of a process: a longer one would be as good as none.
pub const PROCESS_LIFE_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// Largest memory limit of a process, in MB: no machine has more, so a larger number is a typing error.
pub const PROCESS_MEMORY_MAX_MB: u64 = 1_000_000_000;
/// Lines of an instance's log quoted when its start fails.
pub const LOG_TAIL_LINES: usize = 12;
/// Log files of earlier starts kept for each instance.
pub const INSTANCE_LOGS_MAX: usize = 5;
/// Calls per second of one caller other than the owner.
pub const CALLER_RATE_PER_SECOND: u32 = 1_000;
/// Calls that such a caller may make at once: two seconds' worth.
pub const CALLER_RATE_BURST: u32 = 2_000;
/// Longest sleep while waiting for a token's expiry: the clock may be set (or the machine sleep) without notice.
pub const TOKEN_CLOCK_LOOK: Duration = Duration::from_secs(60);
/// Tokens that may exist besides the owner's.
pub const TOKENS_MAX: usize = 256;
/// How long a link to the dashboard can be opened: people click it at once or not at all.
pub const LINK_LIFE: Duration = Duration::from_secs(60);
/// Unopened dashboard links of one caller; its oldest are dropped first.
pub const LINKS_OF_ONE_MAX: usize = 4;
/// Unopened dashboard links of all callers; the oldest are dropped first.
pub const LINKS_MAX: usize = 16;
/// How long a browser stays signed in: a week of checking on renders.
pub const SESSION_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Browsers signed in with one token; its oldest are signed out first.
pub const SESSIONS_OF_ONE_MAX: usize = 16;
/// Browsers signed in with all tokens; the oldest are signed out first.
pub const SESSIONS_MAX: usize = 128;
/// Shortest time between two pictures of one instance, so that watching an instance does not keep it busy.
pub const PICTURE_INTERVAL: Duration = Duration::from_secs(4);
/// The same after a picture that failed.
pub const PICTURE_RETRY: Duration = Duration::from_secs(60);
/// How long a picture may take before it is given up and its call cancelled.
pub const PICTURE_TIMEOUT: Duration = Duration::from_secs(20);
/// Jobs of one caller that have not ended: each takes about a kilobyte of memory.
pub const JOBS_OPEN_MAX: usize = 100_000;
/// The same for all callers.
pub const JOBS_OPEN_ALL_MAX: usize = 200_000;
/// What the open jobs of one caller take in memory and, with their arguments, on disk, in bytes.
pub const JOBS_BYTES_MAX: usize = 512 * 1024 * 1024;
/// The same for all callers.
pub const JOBS_ALL_BYTES_MAX: usize = 2 * 1024 * 1024 * 1024;
/// What a job counts as besides its request, in bytes.
pub const JOB_BYTES: usize = 1024;
/// The arguments of a job as JSON, in bytes: they are stored; larger things are sent as blobs.
pub const JOB_ARGS_BYTES_MAX: usize = 1024 * 1024;
/// Labels of one job.
pub const JOB_LABELS_MAX: usize = 32;
/// Jobs that one job can wait for.
pub const JOB_AFTER_MAX: usize = 256;
/// Retries of a failed job, not counting the first attempt.
pub const JOB_RETRIES_MAX: u32 = 100;
/// Delay before the first retry if the caller does not set one.
pub const JOB_BACKOFF_DEFAULT: Duration = Duration::from_secs(1);
/// Longest delay before a retry.
pub const JOB_BACKOFF_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long a job waits while calls keep a lane busy before it queues up among them: longer than most bursts of
/// somebody's work.
pub const JOB_TURN_AFTER: Duration = Duration::from_secs(60);
/// After a job that queued up among calls, the lane is theirs for this many times as long as the job ran: a job takes
/// at most a tenth of a lane that calls keep busy.
pub const JOB_TURN_SHARE: u32 = 10;
/// Delay before a job that did not start is handed out again, so that whatever prevented the start can pass.
pub const JOB_AGAIN_UNSTARTED: Duration = Duration::from_millis(100);
/// Delay before a job whose process ended is handed out again; doubled each time.
pub const JOB_AGAIN_CRASHED: Duration = Duration::from_millis(500);
/// Times a job's process may end before the job is assumed to be the cause.
pub const JOB_CRASHES_MAX: u32 = 5;
/// Delay before the store is asked again to keep an outcome that it could not keep.
pub const JOB_STORE_AGAIN: Duration = Duration::from_secs(1);
/// Longest sleep of the queue while a job waits for a time: the clock may be set (or the machine sleep) without notice.
pub const JOB_CLOCK_LOOK: Duration = Duration::from_secs(5);
/// How long a stopping hub waits until the outcomes of ended jobs are stored.
pub const JOBS_SETTLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Jobs in one page of a list.
pub const JOBS_PAGE_MAX: usize = 1_000;
/// Positions reported in a queue: finding one takes a step for each job before it.
pub const JOBS_POSITIONS_MAX: usize = 1_000;
/// Calls in one batch.
pub const BATCH_CALLS_MAX: usize = 1_000;
/// Batches of one caller that run at a time.
pub const BATCHES_RUNNING_MAX: usize = 250;
/// The same for all callers.
pub const BATCHES_RUNNING_ALL_MAX: usize = 1_000;
/// Calls of ended batches that can still be found through their batch while the hub runs: about 6 MB.
pub const BATCH_STEPS_KEPT_MAX: usize = 100_000;
/// How often a batch is put together again because another request was quicker to use one of its keys.
pub const BATCH_KEY_RACES_MAX: usize = 8;
/// File descriptors that the hub requests from the system: for all connections of its doors, and for files.
pub const DESCRIPTORS: u64 = 8_192;
/// Labels that an instance can be started with.
pub const INSTANCE_LABELS_MAX: usize = 8;
/// How long a job waits for a silent process whose process id is not known.
pub const JOB_SILENT_MAX: Duration = Duration::from_secs(60);
/// The subject of a call, in characters: it fits on one line of a list.
pub const SUBJECT_CHARS_MAX: usize = 60;
/// Ids listed when a prefix matches several.
pub const CANDIDATES_MAX: usize = 8;
/// Paths that a confined process is given access to; a folder with something private in it counts as its entries. Far
/// more than a home folder has; with more, a start would take seconds.
pub const CONFINED_RULES_MAX: usize = 4_096;
/// The plan that the launcher of a confined process reads, in bytes: some thousand paths.
pub const CONFINED_PLAN_BYTES_MAX: u64 = 1024 * 1024;
