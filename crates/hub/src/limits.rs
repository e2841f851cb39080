//! Every bound of the hub, with unit and reason. A number that bounds something stands here and
//! nowhere else; bounds of the wire stand beside its decoder in `wire::frame`.

use std::time::Duration;

/// Files of one folder of the home whose modes are looked at when a hub starts: more are no work of ours.
pub const HOME_FILES_LOOKED_AT_MAX: usize = 10_000;
/// Room that is kept back on the disk of the home, in bytes: what a start writes, some times over.
pub const RESERVE_BYTES: usize = 256 * 1024;
/// Under this much room, in bytes, the disk counts as full: the next write of any size fails.
pub const ROOM_BYTES_MIN: u64 = 512 * 1024;
/// How often the room is looked at; it is for people to be told.
pub const ROOM_LOOK: Duration = Duration::from_secs(5);
/// Calls of one caller that wait in one lane: beyond it that caller is told at once instead of waiting for hours.
pub const LANE_WAITING_MAX: usize = 1_000;
/// Calls of all callers that wait in one lane: several busy callers have room beside each other.
pub const LANE_WAITING_ALL_MAX: usize = 4_000;
/// What one caller's calls hold that have not begun, in all lanes and batches, in bytes: some of the largest, or
/// thousands of small ones.
pub const WAITING_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The same of all callers.
pub const WAITING_ALL_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// As how many bytes a call counts beside its arguments while it waits.
pub const WAITING_CALL_BYTES: usize = 2 * 1024;
/// Calls handed to a bridge ahead of their turn while they are quick, so that it never idles for a round trip.
pub const LANE_WINDOW: usize = 32;
/// The same while they are not: what a bridge has cannot be passed, so whoever comes now waits for it; but it outlives the
/// hub, and what waits in a lane does not.
pub const LANE_WINDOW_MIN: usize = 8;
/// A call that ran no longer is quick; a full window of them takes a third of a second.
pub const LANE_QUICK: Duration = Duration::from_millis(10);
/// The whole handshake of a bridge.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// The first message of a stranger, in bytes: a greeting is a hundred.
pub const HELLO_BYTES_MAX: usize = 64 * 1024;
/// The announcement of a bridge whose proof is not checked yet, in bytes: thousands of commands fit.
pub const ANNOUNCEMENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Announcements over [`HELLO_BYTES_MAX`] that come at once from bridges whose proof does not stand at their beginning.
pub const LARGE_ANNOUNCEMENTS_MAX: usize = 8;
/// Within so many bytes of its beginning the proof of a large announcement is looked for: it is its second member.
pub const PROOF_WITHIN_BYTES: usize = 512;
/// Connections to the bridge port that have not proved anything yet: strangers cannot fill memory.
pub const HANDSHAKES_MAX: usize = 256;
/// How long a connection that has proved nothing keeps its place, whoever else comes: a handshake takes some
/// milliseconds, on a busy machine a tenth of a second.
pub const STRANGER_TURN: Duration = Duration::from_millis(200);
/// Read at a time from a bridge that has proved nothing yet, in bytes: a greeting is a hundred.
pub const STRANGER_READ_BYTES: usize = 4 * 1024;
/// How often one call may be handed over and not arrive while the link breaks at just that place: then it is
/// most likely the call itself that breaks it. A network that breaks by itself misses the same call several
/// times too, so it is not few: about half a minute of a link that brings nothing.
pub const MISSED_MAX: u8 = 20;
/// How often a bridge beats. Short, so that `wedged` shows within a second.
pub const HEARTBEAT: Duration = Duration::from_millis(500);
/// Silence after which an instance is called unresponsive: ten beats.
pub const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How long after its time a call is waited for before its bridge is told to end it: bridges do so by themselves.
pub const ENDS_BY_ITSELF: Duration = Duration::from_millis(200);
/// How long a call may go on after it was told to end before the instance counts as wedged.
pub const WEDGED_AFTER: Duration = Duration::from_millis(700);
/// How long a lost link is waited for before its calls are `interrupted`: a bridge redials within a
/// few tenths of a second, so this is a hub or a network in trouble.
pub const RECONNECT_GRACE: Duration = Duration::from_secs(10);
/// How long after the hub's start an unknown call is waited for: bridges that it does not know of yet may
/// bring it.
pub const RETURN_GRACE: Duration = Duration::from_secs(2);
/// How often a lost link's process is looked at. There is no portable event for the end of a process
/// that is not our child.
pub const PROCESS_LOOK: Duration = Duration::from_millis(100);
/// How long a call may run when neither caller nor command says: longer than the work that people wait for, and short
/// enough that a forgotten loop does not keep the others out for the rest of the morning. What takes long by nature
/// says so itself.
pub const CALL_TIMEOUT_DEFAULT: Duration = Duration::from_secs(120);
/// The same for a job, which nobody sits and waits for.
pub const JOB_TIMEOUT_DEFAULT: Duration = Duration::from_secs(3600);
/// The longest time a caller may ask for: a week.
pub const CALL_TIMEOUT_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// A word of a request, in bytes: a name, an id, a key, a label's name or its value. They are kept, and told to all who
/// listen.
pub const WORD_BYTES_MAX: usize = 256;
/// The path of a file in a request, in bytes: what Linux takes.
pub const PATH_BYTES_MAX: usize = 4_096;
/// Instances known at once, connected or not: memory and a readable list.
pub const INSTANCES_MAX: usize = 256;
/// A text by which a bridge says who it is (its version, its file, its session), in bytes: a path may be as long.
pub const ANNOUNCED_TEXT_BYTES_MAX: usize = 4_096;
/// Commands that a bridge may announce.
pub const ANNOUNCED_COMMANDS_MAX: usize = 2_000;
/// A compiled pattern of an argument schema, in bytes: some thousand letters of it; the sum counts, as a bridge may
/// announce one for each argument.
pub const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Places of one argument schema when all references are followed: the largest of ours has a few hundred.
pub const SCHEMA_PLACES_MAX: usize = 20_000;
/// Letters of a stranger's text that are quoted in a problem: enough to know it again.
pub const QUOTED_CHARS_MAX: usize = 300;
/// Ended calls that the journal in memory keeps.
pub const JOURNAL_CALLS_MAX: usize = 10_000;
/// Bytes of outcomes that the journal in memory keeps; the oldest values go first.
pub const JOURNAL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Days that ended calls and jobs are kept when nobody says otherwise: a project's month.
pub const HISTORY_KEEP_DAYS: u32 = 30;
/// Room for ended calls when nobody says otherwise, in MB of 1,000,000 bytes: some hundred thousand calls.
pub const HISTORY_KEEP_MB: u64 = 512;
/// How often it is looked whether calls and jobs have their room: a flood fills a disk in less than an hour.
pub const HISTORY_SIZE_LOOK: Duration = Duration::from_secs(10);
/// How often it is looked whether the history is too old.
pub const HISTORY_LOOK: Duration = Duration::from_secs(3600);
/// Ended calls of one caller that wait to be written down: a second of the liveliest work; beyond it they are counted.
pub const HISTORY_WAITING_MAX: usize = 8_192;
/// Those of all callers.
pub const HISTORY_WAITING_ALL_MAX: usize = 16_384;
/// How long the first of a group of ended calls waits for others before they are written down together: to wake a thread
/// for each call would cost the call some 10 µs.
pub const HISTORY_LINGER: Duration = Duration::from_millis(50);
/// Ended calls that are written down without waiting for more.
pub const HISTORY_GROUP: usize = 1_024;
/// Bytes of ended calls of one caller that wait to be written down.
pub const HISTORY_WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Those of all callers.
pub const HISTORY_WAITING_ALL_BYTES_MAX: usize = 128 * 1024 * 1024;
/// As how many bytes a call with large arguments or a large value counts while it waits.
pub const HISTORY_LARGE_BYTES: usize = 8 * 1024 * 1024;
/// Arguments in the history, in bytes; larger ones lie in a blob.
pub const HISTORY_ARGS_BYTES_MAX: usize = 64 * 1024;
/// A value in the history, in bytes; a larger one is left out.
pub const HISTORY_VALUE_BYTES_MAX: usize = 64 * 1024;
/// A printed text in the history, in bytes; a longer one is cut.
pub const HISTORY_TEXT_BYTES_MAX: usize = 64 * 1024;
/// Log records of one call in the history.
pub const HISTORY_LOGS_MAX: usize = 200;
/// Changed things of one call in the history.
pub const HISTORY_CHANGES_MAX: usize = 500;
/// From so many bytes on a message is written and read aside: about a millisecond of JSON.
pub const LARGE_MESSAGE_BYTES: usize = 256 * 1024;
/// Events that a subscriber may lag behind before it is told that it missed some.
pub const FEED_EVENTS_MAX: usize = 4_096;
/// Events that are kept for those who come back: minutes of lively work.
pub const FEED_WINDOW_EVENTS: usize = 10_000;
/// Bytes that the kept events hold, about: some 3 kB each, their JSON for all readers included. The oldest go first.
pub const FEED_WINDOW_BYTES: usize = 32 * 1024 * 1024;
/// A value in a kept event, in bytes; a larger one is replaced by a note that says where it is.
pub const FEED_VALUE_BYTES_MAX: usize = 8 * 1024;
/// A text in a kept event, in bytes; a longer one is cut, with a note.
pub const FEED_TEXT_BYTES_MAX: usize = 8 * 1024;
/// Log records, and changed things of each kind, in a kept event.
pub const FEED_LIST_MAX: usize = 50;
/// Kept events that a subscriber looks at in one go: lanes wait for that look.
pub const FEED_LOOK_EVENTS: usize = 1_000;
/// How long events are kept when nobody subscribes: who lost the connection is back by then.
pub const FEED_KEPT_ALONE: Duration = Duration::from_secs(600);
/// How long the feed pauses for each of its readers when it has woken them: four hundred are woken 25 times a second.
pub const FEED_READER_PAUSE: Duration = Duration::from_micros(100);
/// The longest pause: nobody waits longer for an event, however many read.
pub const FEED_PAUSE_MAX: Duration = Duration::from_millis(100);
/// Topics of one subscription.
pub const FEED_TOPICS_MAX: usize = 64;
/// Calls under way that a subscriber is told at its start; there may be more in 256 full lanes.
pub const SNAPSHOT_CALLS_MAX: usize = 1_000;
/// What a bridge says of one change of its state, in bytes; more becomes a count.
pub const STATE_CHANGES_BYTES_MAX: usize = 16 * 1024;
/// What a progress tells for programs, in bytes: some dozens of workers with a line each. More is left out.
pub const PROGRESS_DETAILS_BYTES_MAX: usize = 32 * 1024;
/// Commands that the hub runs itself at once: each may have a dozen instances at work.
pub const CONDUCTED_MAX: usize = 64;
/// Those of one caller, jobs aside, whose turns share what there is.
pub const CONDUCTED_PER_CALLER_MAX: usize = 16;
/// How long such a command may take to end when it is told to, before it is given up: it stops programs first.
pub const CONDUCT_END_MAX: Duration = Duration::from_secs(30);
/// Log records that such a command's outcome keeps: more than a person reads.
pub const CONDUCT_LOGS_MAX: usize = 1_000;
/// Open confirmations of one caller; its oldest are forgotten: a person says yes to one at a time.
pub const CONFIRMATIONS_PER_CALLER_MAX: usize = 64;
/// Open confirmations of all callers; then the oldest of whoever has the most is forgotten.
pub const CONFIRMATIONS_MAX: usize = 10_000;
/// What a person is asked at once, in characters: more is not read. Longer values are cut, each in its middle.
pub const QUESTION_CHARS_MAX: usize = 16_000;
/// How long a confirmation can be given.
pub const CONFIRMATION_LIFE: Duration = Duration::from_secs(300);
/// One blob: a film of a night's renders goes by path, not by blob.
pub const BLOB_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// All blobs together; the least recently used are dropped.
pub const BLOBS_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;
/// Blobs that are being written, together: half of all, so that uploads never push out everything that is stored.
pub const BLOB_DRAFTS_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Blobs that one call's arguments may name.
pub const CALL_BLOBS_MAX: usize = 64;
/// From launch to handshake: a cold application on a busy machine needs tens of seconds.
pub const START_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a background instance may take to leave when asked, before it is killed.
pub const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the link of a process that has ended is listened to: what it said last is on this machine
/// already, so this only guards against a link that a child of the process holds open.
pub const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);
/// First wait before a dead background instance is started again; doubles each time.
pub const RESTART_DELAY_MIN: Duration = Duration::from_millis(500);
/// Longest wait before a restart.
pub const RESTART_DELAY_MAX: Duration = Duration::from_secs(60);
/// Restarts in a row before the hub gives up and says so.
pub const RESTARTS_MAX: u32 = 8;
/// How long an instance must live for its restarts to be forgotten.
pub const RESTART_FORGIVEN_AFTER: Duration = Duration::from_secs(60);
/// How often a process with a memory limit is looked at: what it may take beyond its limit is what it can
/// take in this time.
pub const MEMORY_LOOK: Duration = Duration::from_millis(250);
/// The longest life that a process can be given: longer means none.
pub const PROCESS_LIFE_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// The largest memory limit, in MB: a number beyond any machine is a slip.
pub const PROCESS_MEMORY_MAX_MB: u64 = 1_000_000_000;
/// Lines of an instance's log that a start problem quotes.
pub const LOG_TAIL_LINES: usize = 12;
/// Log files of earlier starts kept for each instance.
pub const INSTANCE_LOGS_MAX: usize = 5;
/// Calls a second of one caller that is not the owner.
pub const CALLER_RATE_PER_SECOND: u32 = 1_000;
/// Calls that such a caller may ask for at once: two seconds' worth.
pub const CALLER_RATE_BURST: u32 = 2_000;
/// How long the end of a token's time is slept to at most: the wall's clock may be set, and nothing tells of it.
pub const TOKEN_CLOCK_LOOK: Duration = Duration::from_secs(60);
/// Tokens that may exist beside the owner's.
pub const TOKENS_MAX: usize = 256;
/// How long a link to the dashboard may be opened: it is clicked at once or not at all.
pub const LINK_LIFE: Duration = Duration::from_secs(60);
/// Links of one maker that wait to be opened; its oldest go first.
pub const LINKS_OF_ONE_MAX: usize = 4;
/// Links to the dashboard that wait to be opened; the oldest go first.
pub const LINKS_MAX: usize = 16;
/// How long a browser stays signed in: a week of looking after renders.
pub const SESSION_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Browsers that one token has signed in; its oldest go first.
pub const SESSIONS_OF_ONE_MAX: usize = 16;
/// Browsers that are signed in; the oldest go first.
pub const SESSIONS_MAX: usize = 128;
/// Between two pictures of one instance, at least: whoever looks at it must not keep it busy.
pub const PICTURE_INTERVAL: Duration = Duration::from_secs(4);
/// The same after a picture that failed.
pub const PICTURE_RETRY: Duration = Duration::from_secs(60);
/// How long a picture may take before it is given up, and its call cancelled.
pub const PICTURE_TIMEOUT: Duration = Duration::from_secs(20);
/// Jobs of one caller that have not ended: each holds about a kilobyte of memory.
pub const JOBS_OPEN_MAX: usize = 100_000;
/// Jobs of all callers that have not ended.
pub const JOBS_OPEN_ALL_MAX: usize = 200_000;
/// What the open jobs of one caller hold in memory and, with their arguments, on the disk, in bytes.
pub const JOBS_BYTES_MAX: usize = 512 * 1024 * 1024;
/// The same of all callers.
pub const JOBS_ALL_BYTES_MAX: usize = 2 * 1024 * 1024 * 1024;
/// As how many bytes a job counts beside what was asked with it.
pub const JOB_BYTES: usize = 1024;
/// The arguments of a job as JSON, in bytes: they are stored; larger things go as blobs.
pub const JOB_ARGS_BYTES_MAX: usize = 1024 * 1024;
/// Labels of one job.
pub const JOB_LABELS_MAX: usize = 32;
/// Jobs that one job can wait for.
pub const JOB_AFTER_MAX: usize = 256;
/// Retries of a job that failed, beside the first time.
pub const JOB_RETRIES_MAX: u32 = 100;
/// Before the first retry when the caller does not say.
pub const JOB_BACKOFF_DEFAULT: Duration = Duration::from_secs(1);
/// The longest wait before a retry.
pub const JOB_BACKOFF_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long a job waits for a lane that calls keep busy before it stands in line with them: longer than most bursts
/// of somebody's work.
pub const JOB_TURN_AFTER: Duration = Duration::from_secs(60);
/// After a job that stood in line with calls, they have the lane for so many times as long as it ran: a job takes at
/// most a tenth of a lane that calls never leave.
pub const JOB_TURN_SHARE: u32 = 10;
/// Before a job that did not start is handed out again: whatever kept it from starting gets a moment.
pub const JOB_AGAIN_UNSTARTED: Duration = Duration::from_millis(100);
/// Before a job is handed out again whose process ended under it; doubled each time.
pub const JOB_AGAIN_CRASHED: Duration = Duration::from_millis(500);
/// Processes that may end under a job before it counts as the reason.
pub const JOB_CRASHES_MAX: u32 = 5;
/// Before the store is asked again to keep an outcome that it could not keep.
pub const JOB_STORE_AGAIN: Duration = Duration::from_secs(1);
/// How long the queue sleeps at most while a job waits for a time: the wall's clock may be set, or the machine sleep, and
/// nothing tells of it.
pub const JOB_CLOCK_LOOK: Duration = Duration::from_secs(5);
/// How long a stopping hub waits for the store to have what has ended.
pub const JOBS_SETTLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Jobs in one page of a list.
pub const JOBS_PAGE_MAX: usize = 1_000;
/// Places in a queue that are told: finding one costs a step for each job before it.
pub const JOBS_POSITIONS_MAX: usize = 1_000;
/// Calls in one batch.
pub const BATCH_CALLS_MAX: usize = 1_000;
/// Batches of one caller that run at once.
pub const BATCHES_RUNNING_MAX: usize = 250;
/// Batches of all callers that run at once.
pub const BATCHES_RUNNING_ALL_MAX: usize = 1_000;
/// Calls of ended batches that are known by their batch, while the hub runs: some 6 MB.
pub const BATCH_STEPS_KEPT_MAX: usize = 100_000;
/// How often a batch is put together anew because somebody was quicker with one of its keys.
pub const BATCH_KEY_RACES_MAX: usize = 8;
/// Descriptors that the hub asks the system for: all connections of its doors, and files beside them.
pub const DESCRIPTORS: u64 = 8_192;
/// Labels that an instance can be started with.
pub const INSTANCE_LABELS_MAX: usize = 8;
/// How long a process that says no number, and has a job, is waited for when nothing is heard of it.
pub const JOB_SILENT_MAX: Duration = Duration::from_secs(60);
/// Characters of what a call is about: a line in a list.
pub const SUBJECT_CHARS_MAX: usize = 60;
/// Ids that are named when a prefix fits several.
pub const CANDIDATES_MAX: usize = 8;
/// Places that a confined process is given: a folder with something private in it counts as its parts. Far more than
/// a person's own folder has; beyond it a start would take seconds.
pub const CONFINED_RULES_MAX: usize = 4_096;
/// What the launcher of a confined process reads, in bytes: some thousand paths.
pub const CONFINED_PLAN_BYTES_MAX: u64 = 1024 * 1024;
