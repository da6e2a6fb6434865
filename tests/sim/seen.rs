//! What the laws of the simulation speak of: each is counted when it comes about, in any run.

crate::premises::premises! {
    // Copies of requests.
    COPY: "a copy of a request came, whose outcome is durable" => "one request, one effect";
    COPY_AFTER_START: "a copy came of a request that was recorded before a start of the server"
        => "one request, one effect";
    COPY_IN_PROGRESS: "a copy of a request came before its outcome was durable"
        => "the auditor: each answer, byte by byte";
    MARK_AFTER_CLOSE: "a copy of a mark came after its roll call was closed"
        => "one request, one effect";
    MARK_IN_NEXT: "a copy of a mark came when the next roll call of its class was open"
        => "one request, one effect";
    OPEN_AFTER_CLOSE: "a copy of an opening came after its roll call was closed"
        => "one request, one effect";
    CLOSE_IN_NEXT: "a copy of a close came when the next roll call of its class was open"
        => "one request, one effect";

    // Numbers and names.
    LATER: "an operation after its client's first was recorded" => "numbers without gaps";
    GAP: "an operation came with a number that left one out" => "numbers without gaps";
    OLD: "an operation came with an old number" => "the auditor: each answer, byte by byte";
    OTHER_BODY: "another request came under the last number"
        => "the auditor: each answer, byte by byte";
    UNKNOWN_LATER: "an unknown client's later number came"
        => "the auditor: each answer, byte by byte";
    FORGOT: "a client was forgotten" => "who is forgotten was known";
    MET_FORGOTTEN: "a request met a client that had been forgotten"
        => "the auditor: each answer, byte by byte";
    EXECUTED_FORGOTTEN: "BEGIN_AGAIN was said to a copy of what was executed before its client was forgotten"
        => "what was executed is not disowned";
    DISOWNED: "a request was told that it was not executed" => "what was executed is not disowned";
    DISOWNED_AGAIN: "a copy of a disowned request came" => "what was disowned is never executed";
    SECOND_NAME: "an operation went out under a second name"
        => "a second name only after the first was disowned";
    BEGUN_AGAIN: "an operation was executed under its second name or a later one"
        => "one operation, one effect";
    TWO_OPEN: "an operation was asked for while an earlier one was open" => "settle first";
    SETTLED: "an earlier operation was settled" => "settle first";
    FORSAKEN: "an earlier operation was given up for good" => "settle first";
    LOST: "an operation's outcome was told to be unknown for good" => "one operation, one effect";
    CLONED: "two processes sent under one client id"
        => "the auditor: each answer, byte by byte";

    // Clocks.
    SKEW_AHEAD: "a BEGIN_AGAIN with a time for a clock ahead was recorded" => "the auditor: each answer, byte by byte";
    CLOCK_BACK: "a request came while the server's clock was behind its time"
        => "the server's time never goes back";
    CLOCK_BACK_AT_START: "a server started with a clock behind the time of its journal"
        => "the server's time never goes back";
    SLEPT_OPEN: "a computer slept for longer than the window while something was open"
        => "one operation, one effect";

    // The disk.
    WHILE_COMMITTING: "requests came while a commit was under way"
        => "the auditor: each answer, byte by byte";
    TORN: "a crash lost what was not durable" => "the auditor: each answer, byte by byte";
    KEPT: "a crash kept what nobody had been told" => "the auditor: each answer, byte by byte";
    FROM_SNAPSHOT: "a server started from a snapshot and batches after it"
        => "an outcome follows from what was before";
    SNAPSHOT_BEHIND: "a snapshot was whole when batches after it were durable already"
        => "an outcome follows from what was before";
    SNAPSHOT_TORN: "a crash left parts of a snapshot" => "an outcome follows from what was before";
    HEARD_AFTER_START: "a person heard an outcome that was recorded before a start of the server"
        => "a client tells only what is durable under its own name";

    // The register.
    ALREADY_OPEN: "an open class was opened" => "an outcome follows from what was before";
    ALREADY_PRESENT: "a student who is present was marked" => "an outcome follows from what was before";
    ALREADY_CLOSED: "a closed class was closed" => "an outcome follows from what was before";
    NEVER_OPENED: "a class that was never open was closed" => "an outcome follows from what was before";
    MARK_REFUSED: "a mark met a class that had been closed before"
        => "an outcome follows from what was before";
    OPENED_AGAIN: "a class was opened again" => "a sheet never changes";
    RECEIPT_OVER_START: "a receipt's roll call was closed after a start of the server"
        => "a receipt is on its sheet";
    SHEET_OF_EARLIER: "a sheet was fetched whose class has a later one" => "a sheet never changes";
    SHEET_NAMED_AGAIN: "the sheets were listed of a class that has several"
        => "the auditor: each answer, byte by byte";
    SHEET_NAMED_OPEN: "the sheets were listed of a class that is open"
        => "the auditor: each answer, byte by byte";

    // Transfers.
    LATE_BLOCK: "a late block of another object came to a download" => "a sheet is what was announced";
    BLOCK_AGAIN: "a block came to its download a second time" => "a sheet is what was announced";
    BLOCK_AFTER: "a block came when nothing was fetched" => "a sheet is what was announced";
    BLOCK_DAMAGED: "a damaged datagram came to a download" => "a sheet is what was announced";
    MANY_BLOCKS: "a PULL got more than one block" => "the auditor: each answer, byte by byte";
    FETCHED_OVER_START: "a sheet was fetched over a start of the server" => "a sheet is what was announced";
    FETCH_UNANSWERED: "a sheet was not fetched before its deadline" => "fetched after the healing";

    // What is no request, and no answer.
    REFLECTED: "an answer came to the server" => "the auditor: each answer, byte by byte";
    DAMAGED: "a damaged datagram came to the server" => "the auditor: each answer, byte by byte";
    OTHER_ANSWER: "an answer came to a client that waits for another one" => "one answer";
    ANSWERED_DAMAGED: "a damaged datagram came to a client that waits"
        => "a client tells only what is durable under its own name";

    // All of it.
    WAITED: "somebody waited when the faults healed" => "answered after the healing";
    CONCURRENT: "operations on one class overlapped" => "linearizable";
    UNKNOWN_IN_HISTORY: "a history has an operation whose outcome nobody was told" => "linearizable";
}
