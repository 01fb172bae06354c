// Follow the preview's progress, and show the video when it is ready.

import { pause } from "./http.js";

const LONGEST_WAIT_S = 30;
const WORDS = {
  awaiting_upload: "waiting for the file",
  queued: "waiting for a worker",
  processing: "being prepared",
};
const state = document.getElementById("state");
const progress = document.getElementById("progress");
const said = document.getElementById("said");
let wait_s = 1;

function show(text) {
  if (said.textContent !== text) said.textContent = text;
}

function isEdited() {
  const title = document.getElementById("title");
  return title.value !== title.defaultValue || document.activeElement.closest("main form") !== null;
}

// Where a stream ends the browser asks again by itself, and never after a refusal.
function follow() {
  const events = new EventSource(state.dataset.events);
  events.addEventListener("asset", ({ data }) => {
    const asset = JSON.parse(data);
    wait_s = 1;
    progress.value = asset.progress;
    if (asset.status in WORDS) {
      show(WORDS[asset.status]);
      return;
    }
    events.close();
    if (isEdited()) show("done, look again to see it");
    else location.replace(location.pathname);
  });
  events.addEventListener("error", async () => {
    if (events.readyState !== EventSource.CLOSED) return;
    show("there is no news at the moment, asking again");
    await pause(wait_s);
    wait_s = Math.min(2 * wait_s, LONGEST_WAIT_S);
    follow();
  });
}

follow();
