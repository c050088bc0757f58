"use strict";

const POLL_MS = 1000;
const at = (id) => document.getElementById(id);
let drawing = null;

function time(iso) {
  return iso ? new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }) : "";
}

function say(text, isBad = false) {
  at("message").textContent = text;
  at("message").classList.toggle("bad", isBad);
}

async function send(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error || `The simulator answered ${answer.status}.`);
  return content;
}

async function act(button, work) {
  button.disabled = true;
  try {
    say(await work());
    await poll();
  } catch (error) {
    say(error.message, true);
  } finally {
    button.disabled = false;
  }
}

function cell(content, className) {
  const element = document.createElement("td");
  if (content instanceof Node) element.append(content);
  else element.textContent = content ?? "";
  if (className) element.className = className;
  return element;
}

/* Rows are only replaced when they say something else, so that a focused button stays focused. */
function fill(id, rows, columns, nothing) {
  const body = at(id);
  const shown = JSON.stringify(rows);
  if (body.dataset.shown === shown) return;
  body.dataset.shown = shown;
  body.replaceChildren(
    ...rows.map((row) => {
      const line = document.createElement("tr");
      line.append(...columns(row));
      return line;
    }),
  );
  if (!rows.length) {
    const line = document.createElement("tr");
    const only = cell(nothing, "none");
    only.colSpan = body.parentElement.tHead.rows[0].cells.length;
    line.append(only);
    body.append(line);
  }
}

function closeButton(id) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Close";
  button.setAttribute("aria-label", `Close ${id}`);
  button.addEventListener("click", () => act(button, async () => {
    const back = await send("POST", "/scenarios/restore", { element: id });
    return `${id} closed: ${back.service_points} customers on again.`;
  }));
  return button;
}

function show(state) {
  const tripped = state.open.filter((item) => item.since);
  at("clock").textContent = time(state.now);
  at("off").textContent = state.truth.off;
  at("off").classList.toggle("bad", state.truth.off > 0);
  at("everyone").textContent = state.truth.service_points;
  at("critical").textContent = state.truth.critical;
  at("critical").classList.toggle("bad", state.truth.critical > 0);
  at("everyone-critical").textContent = state.truth.critical_service_points;
  at("opened").textContent = tripped.length;
  if (state.product_url) {
    at("product").href = state.product_url;
    at("product").hidden = false;
  }
  fill("open", tripped, (item) => [
    cell(item.id), cell(item.name), cell(time(item.since)), cell(item.service_points, "number"),
    cell(item.critical, "number"), cell(item.held_back.join(", ")), cell(closeButton(item.id)),
  ], "Nothing is tripped.");
  fill("alarms", state.alarms, (alarm) => [
    cell(alarm.switch), cell(alarm.name), cell(time(alarm.time)), cell(alarm.severity, "number"),
    cell(`${alarm.active ? "active" : "gone"}, ${alarm.acknowledged ? "acknowledged" : "not acknowledged"}`,
      alarm.active ? "state-bad" : ""),
  ], "No alarms.");
  fill("orders", state.work_orders, (order) => [
    cell(order.wonum), cell(order.description), cell(order.crew), cell(order.status), cell(time(order.status_at)),
  ], "No emergency orders.");
  fill("crews", state.crews.map(({ id, name, status, order }) => ({ id, name, status, order })), (crew) => [
    cell(crew.id), cell(crew.name), cell(crew.status), cell(crew.order),
  ], "No crews.");
  showTablet(state.tablet);
  showFaults(state.faults);
  if (drawing) drawing.show(state);
}

function showTablet(tablet) {
  at("tablet-problem").hidden = !tablet.problem;
  at("tablet-problem").textContent = tablet.problem || "";
  const rows = [
    ...tablet.waiting.map((item) => ({ record: item.record, push: `waiting, ${item.attempts} tries` })),
    ...tablet.delivered.map((item) => ({ record: item.record, push: `delivered ${time(item.at)}` })),
  ];
  fill("estimates", rows, ({ record, push }) => [
    cell(record.element), cell(time(record.estimated_at)), cell(record.confidence.toLowerCase()), cell(push),
  ], "No estimates yet.");
}

function showFaults(faults) {
  at("faults").replaceChildren(
    ...faults.map((fault) => {
      const mark = document.createElement("li");
      mark.textContent = `${fault.system}: ${fault.fault}, ${Math.ceil(fault.seconds_left)} s left`;
      return mark;
    }),
  );
}

async function poll() {
  show(await send("GET", "/state"));
}

async function keepPolling() {
  try {
    await poll();
  } catch {
    say("The simulator does not answer. Is it still running?", true);
  }
  setTimeout(keepPolling, POLL_MS);
}

function options(select, values) {
  select.replaceChildren(...values.map((value) => new Option(value, value)));
}

function tripped(result) {
  return `${result.element} tripped: ${result.service_points} customers off, ${result.critical} of them critical.`;
}

function choose(id) {
  at("switch").value = id;
  drawing.choose(id);
}

async function start() {
  const [grid, faults] = await Promise.all([send("GET", "/grid.json"), send("GET", "/faults")]);
  at("switches").replaceChildren(
    ...grid.switches.map((item) => new Option(`${item.name}, ${item.zone}`, item.id)),
  );
  options(at("fault-system"), faults.systems);
  options(at("fault-kind"), faults.kinds);
  drawing = new Drawing(at("map"), grid, choose);
  at("switch").addEventListener("input", (event) => drawing.choose(event.target.value));
  at("trip-any").addEventListener("click", (event) =>
    act(event.currentTarget, async () => tripped(await send("POST", "/scenarios/hv-fault"))));
  at("restore").addEventListener("click", (event) => act(event.currentTarget, async () => {
    const back = await send("POST", "/scenarios/restore");
    return `${back.restored.length} switches closed: ${back.service_points} customers on again.`;
  }));
  at("trip-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const element = at("switch").value.trim();
    act(event.submitter, async () => tripped(await send("POST", "/scenarios/hv-fault", { element })));
  });
  at("fault-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const fault = { system: form.get("system"), fault: form.get("fault"), seconds: Number(form.get("seconds")) };
    act(event.submitter, async () => {
      await send("POST", "/faults", fault);
      return `${fault.system} now has the fault ${fault.fault} for ${fault.seconds} s.`;
    });
  });
  at("fault-clear").addEventListener("click", (event) => act(event.currentTarget, async () => {
    await send("DELETE", "/faults");
    return "All faults have ended.";
  }));
  keepPolling();
}

start().catch(() => say("The simulator does not answer. Load the page again when it runs.", true));
