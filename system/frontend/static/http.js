// Ask our own server; what goes wrong becomes an Error with a sentence for the reader, and whether it may pass (`forNow`).

export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

const failed = (text, forNow) => Object.assign(new Error(text), { forNow });

export async function post(path, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
      body: JSON.stringify(body),
    });
  } catch {
    throw failed("The service cannot be reached. Is this device online?", true);
  }
  if (answer.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const forNow = answer.status === 429 || answer.status >= 500;
    throw failed(content.detail ?? `The service answered with error ${answer.status}.`, forNow);
  }
  return content;
}
