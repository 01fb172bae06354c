// Follow the preview's progress, and show the video when it is ready.

const WORDS = {
  awaiting_upload: "waiting for the file",
  queued: "waiting for a worker",
  processing: "being prepared",
};
const state = document.getElementById("state");
const progress = document.getElementById("progress");
const said = document.getElementById("said");
const events = new EventSource(state.dataset.events); // it reconnects by itself

events.addEventListener("asset", ({ data }) => {
  const asset = JSON.parse(data);
  progress.value = asset.progress;
  if (!(asset.status in WORDS)) {
    events.close();
    location.replace(location.pathname);
  } else if (said.textContent !== WORDS[asset.status]) {
    said.textContent = WORDS[asset.status];
  }
});
