/** One JSON object of the protocol, as `JSON.parse` read it. */
export interface Frame {
  type?: unknown;
  [member: string]: unknown;
}

/** What is shown once, and in order within its stream. The members beside `type` are the server's. */
export interface StreamEvent<Data = any> {
  type: string;
  /** Which one: `AAPL`. */
  key?: string;
  id?: string;
  /** Where it stands in its stream; both are absent from a server that keeps no log. */
  stream?: string;
  seq?: number;
  /** The name it was published under, if it was asked for by its family's: `proposal.created`. */
  name?: string;
  /** Of the form of its data. */
  version?: number;
  timestamp?: string;
  data?: Data;
  /** It stands for so many earlier events of its key, which are not sent. */
  folded?: number;
  [member: string]: any;
}

/** Handed over with an event that is a row of a stream's state instead of news. */
export interface StateRow {
  stream: string;
  /** The newest event that the state tells of. */
  seq: number;
  /** A large state comes in several frames. The first of them takes the place of what was shown of the stream. */
  first: boolean;
  last: boolean;
}

/** The state of a stream: the newest event of each key. */
export interface Snapshot extends StateRow {
  events: StreamEvent[];
}

/** Events that were missed and cannot be had any more. */
export interface Gap {
  /** Counted in events of the streams, so at most so many for a client with keys; null: nobody knows. */
  missed: number | null;
  /** `trimmed`, `expired`, `epoch`, `unknown`; or `buffer`: a `for await` loop was too slow. */
  reason: string | null;
  streams: { stream: string; missed: number | null; reason: string | null }[];
}

export interface Folded {
  /** How many events of its key this one stands for. */
  folded: number;
  event: StreamEvent;
}

export type DiagnosticCode =
  | 'not_json' | 'wrong_shape' | 'unknown_replay' | 'bad_gzip' | 'part_dropped' | 'too_large' | 'held_overflow'
  | 'too_many_streams';

/** A frame of the server that was passed over. */
export interface Diagnostic {
  code: DiagnosticCode;
  message: string;
}

export type CloseReason = 'no_ready' | 'no_pong' | 'rotate' | 'expired';

/** Why there is no connection. A value, to be compared by `code`. */
export interface DisconnectReason {
  code:
    /** The connection ended: `closeCode` and `closeReason` are the WebSocket's. */
    | 'lost'
    /** The handshake failed, or the address could not be had (`error`). Browsers do not say why. */
    | 'unreachable'
    /** The handshake took too long. */
    | 'timeout'
    | CloseReason
    /** `close()` was called, or the signal aborted. */
    | 'closed'
    | 'aborted'
    /** The handshake was refused for good. */
    | 'refused';
  closeCode?: number;
  closeReason?: string;
  error?: unknown;
}

export interface Status {
  /**
   * `connecting`: a connection is opened, or waits for what it missed. `live`: everything up to now was shown.
   * `waiting`: there is none, and the next attempt is made in `retryInMilliseconds`. `closed`: it is over.
   */
  state: 'connecting' | 'live' | 'waiting' | 'closed';
  transport: 'websocket' | null;
  /** Milliseconds of the last round trip: of a hello, a ping or a probe. */
  latency: number | null;
  /** How often it was live again after it had been live before. */
  reconnects: number;
  /** As of when the status was told. */
  retryInMilliseconds: number | null;
  /** Why the last connection ended, or is over; stays while the next one is live. */
  reason: DisconnectReason | null;
}

export interface Filter {
  /** Names of event types. None: whatever comes, such as events for this user. */
  types?: string | readonly string[];
  /** Only these keys; a trailing `*` stands for any ending. None: every key. */
  keys?: string | readonly string[];
  /** Decides in place of `types` and `keys` which events the handler gets; those still say what the server sends. */
  match?: (event: StreamEvent) => boolean;
  /** False: rows of a stream's state are left out, only news is handed over. */
  state?: boolean;
}

/** A row of a state comes with `row`; news comes without. */
export type Handler<Data = any> = (event: StreamEvent<Data>, row?: StateRow) => unknown;

export interface ClientEvents {
  status: Status;
  gap: Gap;
  folded: Folded;
  snapshot: Snapshot;
  /** Frames that are no events: `connection`, `resume`, `ready`, `error`, acknowledgements. */
  notice: Frame;
  diagnostic: Diagnostic;
}

/** Where a client is in its streams. */
export interface Position {
  /** The last whole cursor, opaque. */
  cursor?: string;
  /** The newest event of each stream that was shown. */
  seen?: Record<string, number>;
}

export interface Client {
  /** Calls `handler` with each event of the filter; what comes back undoes it. */
  subscribe<Data = any>(
    filter: string | Filter, handler: Handler<Data>, options?: { signal?: AbortSignal }): () => void;
  /**
   * The same for `for await`; it subscribes at once, and leaving the loop undoes it. It ends when the client closes,
   * or when `signal` aborts, which also undoes a loop that is never begun.
   * Of more than `buffer` events (10,000) that wait the oldest are dropped, and told as a gap.
   */
  events<Data = any>(
    filter: string | Filter, options?: { signal?: AbortSignal; buffer?: number },
  ): AsyncIterableIterator<StreamEvent<Data>>;
  on<Name extends keyof ClientEvents>(name: Name, handler: (value: ClientEvents[Name]) => unknown): () => void;
  /** Whether the frame went out; if not, it is forgotten. */
  send(frame: object): boolean;
  /** Asks for a sign of life, which measures the latency; without an answer in 3 s the connection is changed. */
  probe(): void;
  close(): void;
  /** Kept when it is live for the first time; broken, with a `DisconnectReason`, if it closes before. */
  readonly established: Promise<void>;
  readonly status: Status;
  /** What `position` of a later client begins with. */
  readonly position: Position;
}

export type WebSocketConstructor = new (url: string, protocols?: string[]) => any;

type Provided<Value> = Value | (() => Value | Promise<Value>);

export interface ConnectOptions extends Timing {
  /** Closes the client. */
  signal?: AbortSignal;
  /** Begins where another client ended. */
  position?: Position;
  /** Subprotocols, such as `['bearer', token]`. A function is asked for each connection. */
  protocols?: Provided<string[]>;
  /** The browser's is taken if there is none. */
  WebSocket?: WebSocketConstructor;
  /** How long a handshake may take. */
  connectMilliseconds?: number;
  /** What stands in for `globalThis`: clock, timers, `document`. For tests. */
  host?: any;
}

/**
 * Connects to `url` (`ws:`, `wss:`, `http:`, `https:`, or relative to the page), which a function may give for each
 * connection, and stays connected until it is closed. What is subscribed to in the same turn goes into the first hello.
 */
export declare const connect: (url: Provided<string | URL>, options?: ConnectOptions) => Client;

// The state machine without socket and clock, for other transports.

export interface Timing {
  readyMilliseconds?: number;
  helloAttempts?: number;
  pingMilliseconds?: number;
  pongMilliseconds?: number;
  probeMilliseconds?: number;
  livedMilliseconds?: number;
  basePauseMilliseconds?: number;
  maximumPauseMilliseconds?: number;
  rotateMilliseconds?: number;
  heldEvents?: number;
  joinedBytes?: number;
  streams?: number;
  /** From 0 up to but not 1. */
  random?: () => number;
}

export interface FollowerOptions extends Timing, Position {
  eventTypes?: string[];
  keys?: string[];
  /** False: it subscribes as clients do that know no hello. */
  hello?: boolean;
  accept?: string[];
}

export type StopReason = { reason: 'expired' } | { reason: 'refused'; status: number };

export type Output =
  | { send: Frame }
  | { show: StreamEvent }
  | { snapshot: Snapshot }
  | { gap: Gap }
  | { notice: Frame }
  | { diagnostic: DiagnosticCode; message: string }
  /** To be decompressed and handed to `inflated` before the next frame. */
  | { inflate: string }
  | { close: CloseReason }
  | { reconnect: number }
  | { stop: StopReason };

/** `now` is in milliseconds of a clock that never goes back. */
export interface Follower {
  opened(now: number): void;
  frame(now: number, text: string): void;
  inflated(now: number, text: string | undefined): void;
  /** The connection is lost, or could not be had: then with the handshake's status, if it is known. */
  closed(now: number, status?: number): void;
  time(now: number): void;
  /** Sends a ping unless one was sent within the last second. */
  probe(now: number): void;
  /** Follows this and nothing else; no keys is every key. */
  follow(now: number, types: readonly string[], keys: readonly string[]): void;
  /** Follows more. */
  subscribe(now: number, types: readonly string[], keys: readonly string[]): void;
  /** Nothing that is handed in afterwards has an effect. */
  stop(): void;
  /** When `time` is to be called; Infinity: nothing waits. */
  readonly wakeAt: number;
  readonly latency: number | undefined;
  readonly position: Position;
}

/** `emit` is called for each output at once; the position has then moved up to that output and no further. */
export declare const createFollower: (options: FollowerOptions, emit: (output: Output) => void) => Follower;

/** The text that was compressed; undefined if it is no gzip, is broken, or is larger than allowed. */
export declare const gunzip: (base64: string, maximumBytes: number) => Promise<string | undefined>;
