// Ask the server for this very page once more, without its body, and show what it says about it.
const shown = ["Server", "Content-Type", "Content-Length", "Last-Modified", "ETag", "Accept-Ranges"];
const table = document.querySelector("#head tbody");

function row(name, value) {
	const line = table.insertRow();
	line.insertCell().textContent = name;
	line.insertCell().textContent = value;
}

const response = await fetch(location.pathname, { method: "HEAD", cache: "no-store" });
await new Promise(requestAnimationFrame); // the browser notes the times a moment later
const timing = performance.getEntriesByType("resource").findLast((entry) => entry.initiatorType === "fetch");

table.replaceChildren();
for (const name of shown)
	if (response.headers.has(name))
		row(name, response.headers.get(name));
if (timing?.requestStart > 0)
	row("Answered in", `${(timing.responseStart - timing.requestStart).toFixed(1)} ms, as this browser measures it`);
