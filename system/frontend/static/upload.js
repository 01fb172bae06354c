// Hash the file, announce it, send it straight to the store, and say that it is complete.

import { pause, post } from "./http.js";

const LARGEST_BYTES = 256 * 1024 * 1024; // crypto.subtle has no streaming: the whole file is in memory while it is hashed
const FINISHING_S = 30; // outlasts a failover of the database
const byId = (id) => document.getElementById(id);
const form = byId("upload");
const state = byId("state");
const progress = byId("progress");
const said = byId("said");
const wrong = byId("wrong");
const cancel = byId("cancel");
let sending = null;
let tried = {}; // one file under one title is one upload, however often it is tried

function show(text, percent = null) {
  if (said.textContent !== text) said.textContent = text;
  if (percent === null) progress.removeAttribute("value");
  else progress.value = percent;
}

async function sha256(file) {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function send(file, upload, id) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch reports no progress of what it sends
    sending = request;
    cancel.hidden = false;
    request.open(upload.method, upload.url);
    for (const [name, value] of Object.entries(upload.headers)) {
      if (!["content-length", "host"].includes(name.toLowerCase())) request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) show("Sending the file…", Math.floor((event.loaded / event.total) * 100));
    };
    request.onload = () =>
      request.status >= 200 && request.status < 300
        ? resolve()
        : reject(new Error(`The store refused the file (error ${request.status}). Please try again.`));
    request.onerror = () => reject(new Error("The connection to the store broke. Please try again."));
    request.onabort = async () => reject(new Error(await giveUp(id)));
    request.onloadend = () => (cancel.hidden = true);
    request.send(file);
  });
}

async function giveUp(id) {
  show("Cancelling…");
  tried = {};
  try {
    await post(`/assets/${id}/delete`, {});
    return "Cancelled. Nothing was kept.";
  } catch {
    return "Cancelled. The video is in the list without its file; it can be deleted there.";
  }
}

async function complete(id) {
  for (let wait_s = 1; ; wait_s *= 2) {
    try {
      return await post(`/assets/${id}/complete`, {});
    } catch (error) {
      tried.sent = error.forNow;
      if (!error.forNow || wait_s > FINISHING_S) throw error;
    }
    await pause(wait_s);
  }
}

async function upload(file, title) {
  if (file.size > LARGEST_BYTES) throw new Error("This file is larger than 256 MB. Larger ones go through the API.");
  if (!file.type.startsWith("video/")) throw new Error("This is not a video file that the browser knows.");
  show("Reading the file…");
  const announced = {
    title,
    filename: file.name,
    content_type: file.type.split(";")[0].toLowerCase(),
    size_bytes: file.size,
    sha256: await sha256(file),
  };
  const text = JSON.stringify(announced);
  if (tried.text !== text) tried = { text, key: crypto.randomUUID(), sent: false };
  const created = await post("/upload", announced, { "Idempotency-Key": tried.key });
  const { id } = created.asset;
  if (created.upload && !tried.sent) await send(file, created.upload, id);
  show("Finishing…");
  await complete(id);
  location.assign(`/assets/${id}?done=uploaded`);
}

byId("file").addEventListener("change", ({ target }) => {
  const title = byId("title");
  if (target.files.length && !title.value) title.value = target.files[0].name.replace(/\.[^.]+$/, "").slice(0, 200);
});

cancel.addEventListener("click", () => sending.abort());

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  wrong.hidden = true;
  state.hidden = false;
  form.inert = true;
  try {
    await upload(byId("file").files[0], byId("title").value.trim());
  } catch (error) {
    wrong.textContent = error.message;
    wrong.hidden = false;
    state.hidden = true;
    form.inert = false;
    byId("file").focus();
  }
});
