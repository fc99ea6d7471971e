// What makes pages quicker to use. Everything works without it.

const root = document.documentElement.dataset.root ?? "";

// "/" goes to the search box; other keys only where nothing is being typed. Help has the switch for all of them.
const KEYS = "desk-keys-off";
const areOff = () => { try { return localStorage.getItem(KEYS) === "1"; } catch { return false; } };
const steps = { a: "./", e: "events", h: "handlers", s: "setup" };
let begun = false;
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || areOff()) return;
  if (begun && steps[event.key]) { location.href = root + steps[event.key]; return; }
  begun = event.key === "g";
  const go = (selector) => document.querySelector(selector)?.click();
  const rows = [...document.querySelectorAll("[data-row] a.open")];
  const at = rows.indexOf(document.activeElement);
  switch (event.key) {
    case "/": event.preventDefault(); document.querySelector("#search")?.focus(); break;
    case "j": rows[Math.min(at + 1, rows.length - 1)]?.focus(); break;
    case "k": rows[Math.max(at - 1, 0)]?.focus(); break;
    case "n": go("a[rel=next]"); break;
    case "p": go("a[rel=prev]"); break;
    case "o": go("a[data-order]"); break;
    case ".": go(".news a"); break;
    case "?": location.href = root + "help"; break;
  }
});
const off = document.querySelector("#keys-off");
if (off) {
  off.closest("[hidden]").hidden = false;
  off.checked = areOff();
  off.addEventListener("change", () => { try { localStorage.setItem(KEYS, off.checked ? "1" : "0"); } catch { /* not kept */ } });
}

// Copies what stands beside a button. On plain HTTP there is no clipboard: then it is selected, to be copied by hand.
for (const place of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy " + place.dataset.copy);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(place.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(place);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  place.after(" ", button);
}

// Says when there is something new, where the newest events are shown. Rows stay where they are until somebody asks.
const live = document.querySelector("[data-live]");
if (live) {
  const shown = live.dataset.live;
  const said = live.querySelector("[data-said]");
  const look = async () => {
    if (document.visibilityState !== "visible") return;
    try {
      const answer = await fetch(root + "api/v1/events?limit=20&" + live.dataset.query, { headers: { accept: "application/json" } });
      if (answer.status === 401) { said.textContent = "You are signed out. Reload the page to sign in again."; return; }
      if (!answer.ok) throw new Error();
      const keys = (await answer.json()).items.map((event) => event.key);
      const at = keys.indexOf(shown);
      const news = at < 0 ? keys.length : at;
      said.textContent = "";
      if (news > 0) {
        const link = document.createElement("a");
        link.href = location.href;
        link.textContent = (at < 0 && news >= 20 ? "20 or more" : String(news)) + " new: show";
        said.append(link);
      }
    } catch {
      const since = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      if (!said.textContent.startsWith("Not updated")) said.textContent = "Not updated since " + since + ".";
    }
  };
  setInterval(look, 5000);
  document.addEventListener("visibilitychange", look);
}
