// The stream of snapshots: connects, notices silence, and connects again with back-off.

const SILENCE_MS = 25_000; // The server sends a heartbeat every 10 seconds.
const LONGEST_WAIT_MS = 8_000;
const HIDDEN_MS = 10_000;

/**
 * The connection to /api/live. Dispatches `snapshot` (detail: the snapshot), and `change` when the state changes.
 *
 * `state`: connecting, live, waiting (no event yet), lost (the database), offline (the page's server).
 * `since`: start of a loss, a Date. `reason`: why it is waiting or lost, as the server says it.
 */
export class Connection extends EventTarget {
  state = "connecting";
  since = null;
  reason = null;
  snapshot = null;
  #source = null;
  #attempts = 0;
  #retry = 0;
  #silence = 0;
  #hidden = 0;

  start() {
    this.#open();
    // A browser allows six connections to a server, and each tab takes one. A tab that nobody sees gives its own back.
    document.addEventListener("visibilitychange", () => {
      clearTimeout(this.#hidden);
      if (document.hidden) this.#hidden = setTimeout(() => this.#close(), HIDDEN_MS);
      else if (!this.#source) this.#open();
    });
    addEventListener("online", () => this.#open());
  }

  #open() {
    this.#close();
    const source = new EventSource("/api/live");
    this.#source = source;
    this.#listen();
    source.addEventListener("snapshot", (event) => {
      this.snapshot = JSON.parse(event.data);
      this.#heard(this.snapshot);
      this.dispatchEvent(new CustomEvent("snapshot", { detail: this.snapshot }));
    });
    source.addEventListener("status", (event) => this.#heard(JSON.parse(event.data)));
    source.addEventListener("heartbeat", () => this.#listen());
    source.addEventListener("error", () => this.#failed());
  }

  #close() {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
  }

  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#failed(), SILENCE_MS);
  }

  #heard({ status, since, reason }) {
    this.#attempts = 0;
    this.#listen();
    this.#become(status, since ? new Date(since) : null, reason ?? null);
  }

  // The browser's own attempts have no back-off, and end when the server answers with an error.
  #failed() {
    this.#close();
    this.#become("offline", this.state === "offline" ? this.since : new Date());
    const wait = Math.min(LONGEST_WAIT_MS, 500 * 2 ** this.#attempts) * (0.75 + Math.random() / 2);
    this.#attempts += 1;
    this.#retry = setTimeout(() => this.#open(), wait);
  }

  #become(state, since, reason = null) {
    if (state === this.state && since?.getTime() === this.since?.getTime() && reason === this.reason) return;
    Object.assign(this, { state, since, reason });
    this.dispatchEvent(new Event("change"));
  }
}
