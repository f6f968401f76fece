// Requests to the server. Errors carry a text for people.

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }

  /** Whether the same request can succeed later. */
  get isTemporary() {
    return this.status === 0 || this.status >= 500;
  }
}

async function get(path, signal) {
  let response;
  try {
    response = await fetch(path, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The page’s server does not answer.", 0);
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  throw new ApiError(body?.error ?? `The server answered with status ${response.status}.`, response.status);
}

export function getFilters(signal) {
  return get("/api/filters", signal);
}

export function panelAddress(name, parameters, extension = "") {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value)).toString();
  return `/api/panels/${name}${extension}${query ? `?${query}` : ""}`;
}

/** Returns a panel's answer, with its rows as objects by column name: `rows`, `previous`, and `column(name)`. */
export async function getPanel(name, parameters, signal) {
  const body = await get(panelAddress(name, parameters), signal);
  const names = body.columns.map((column) => column.name);
  const objects = (rows) => rows.map((row) => Object.fromEntries(names.map((column, index) => [column, row[index]])));
  return {
    ...body,
    rows: objects(body.rows),
    previous: body.previous && objects(body.previous),
    column: (wanted) => body.columns.find((column) => column.name === wanted),
  };
}
