// Playback links expire: ask for a new one when the player is refused, and go on at the same place.

import { post } from "./http.js";

const player = document.getElementById("player");
const said = document.getElementById("player-said");
let renewedAt = 0;

player.addEventListener("error", async () => {
  if (Date.now() - renewedAt < 5000) {
    said.textContent = "The preview cannot be played at the moment. Please reload the page.";
    return;
  }
  renewedAt = Date.now();
  const { currentTime, paused } = player;
  try {
    const { url } = await post(player.dataset.renew, {});
    player.src = url;
    player.currentTime = currentTime;
    if (!paused) await player.play();
    said.textContent = "";
  } catch (error) {
    said.textContent = error.message;
  }
});
