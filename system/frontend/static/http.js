// Ask our own server; what goes wrong becomes an Error with a sentence for the reader.

export async function post(path, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The service cannot be reached. Is this device online?");
  }
  if (answer.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Error(content.detail ?? `The service answered with error ${answer.status}.`);
  }
  return content;
}
