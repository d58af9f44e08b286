// Where answers come from: the server that gave this page.
const ATTEMPTS = 8;

const minutes = (seconds) => (seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`);

// What answers, and within which limits.
export async function greet() {
  const health = await (await fetch("health")).json();
  const { model, genres, max_megabytes, max_seconds } = health;
  const takes = `Nearly any format, up to ${max_megabytes} MB and ${minutes(max_seconds)} each`;
  return { model, genres, max_megabytes, max_seconds, takes };
}

// The answer for one recording; an error's message says why there is none.
export async function classify(file, tell) {
  for (let attempt = 1; ; attempt += 1) {
    tell("Classifying ...");
    let response, answer;
    try {
      const form = new FormData();
      form.append("file", file, file.name);
      response = await fetch("predict", { method: "POST", body: form });
      answer = await response.json();
    } catch {
      throw new Error("the server does not answer; is it still running?");
    }
    if (response.ok) return answer;
    // A busy server says when to come again, and is asked no sooner.
    const later = Number(response.headers.get("Retry-After"));
    if (!later || attempt === ATTEMPTS) throw new Error(answer.error);
    tell(`The server is busy; trying again in ${later} s`);
    await new Promise((done) => setTimeout(done, 1000 * later));
  }
}
