// What the pages do beyond links and forms. Without it everything can still be read and decided.
(function () {
  "use strict";

  var live = document.getElementById("live");
  var liveText = document.getElementById("live-text");
  var news = document.getElementById("news");
  var watched = document.body.getAttribute("data-live");

  // Times in the reader's own zone; the server's stay as the title.
  function localTimes(root) {
    root.querySelectorAll("time[datetime]").forEach(function (each) {
      var at = new Date(each.getAttribute("datetime"));
      if (each.title || isNaN(at)) return;
      each.title = each.textContent;
      var today = at.toDateString() === new Date().toDateString();
      var shape = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
      if (!today) Object.assign(shape, { year: "numeric", month: "short", day: "numeric" });
      each.textContent = new Intl.DateTimeFormat(undefined, shape).format(at);
    });
  }

  // Seconds that are left, counted from when they were told: the two clocks need not agree.
  function duration(seconds) {
    if (seconds < 120) return seconds + " s";
    var minutes = Math.floor(seconds / 60);
    if (minutes < 60) return minutes + " min";
    if (minutes < 2880) return Math.floor(minutes / 60) + " h" + (minutes % 60 ? " " + (minutes % 60) + " min" : "");
    return Math.floor(minutes / 1440) + " days";
  }

  function countDown(root) {
    root.querySelectorAll("[data-left]").forEach(function (each) {
      if (!each.ends) each.ends = performance.now() / 1000 + Number(each.getAttribute("data-left"));
      var left = Math.max(0, Math.floor(each.ends - performance.now() / 1000));
      var text = duration(left);
      var count = each.querySelector(".count");
      if (count.textContent !== text) count.textContent = text;
      each.classList.toggle("soon", left < 60);
    });
  }

  function refresh(root) {
    localTimes(root);
    countDown(root);
  }

  // The count in the title, and a word for who listens instead of looking.
  var known = null;

  function count() {
    var list = document.querySelector("#list [data-count]");
    if (!list) return;
    var mine = Number(list.getAttribute("data-count"));
    var all = list.getAttribute("data-all");
    document.title = (mine ? "(" + mine + ") " : "") + "Inbox · pgmaskproxy";
    var now = mine + "/" + all;
    if (known !== null && known !== now) {
      news.textContent = mine === 0 ? "Nothing waits for you." : mine === 1 ? "1 request waits for you." : mine + " requests wait for you.";
    }
    known = now;
  }

  // A request that was decided meanwhile, or whose time is over, takes no answer any more.
  function decided() {
    var state = document.querySelector("#state [data-state]");
    var form = document.getElementById("answer");
    if (!state || !form || state.getAttribute("data-state") === "pending") return;
    form.querySelectorAll("button, textarea").forEach(function (each) { each.disabled = true; });
    form.hidden = true;
  }

  function say(state, text) {
    live.setAttribute("data-state", state);
    liveText.textContent = text;
  }

  var wait = 3;

  function listen() {
    var source = new EventSource("/events");
    source.addEventListener("open", function () {
      wait = 3;
      say("on", "This page updates itself.");
    });
    source.addEventListener("changed", function () {
      htmx.trigger(document.body, "changed");
    });
    source.addEventListener("over", function () {
      source.close();
      over();
    });
    source.addEventListener("error", function () {
      say("lost", "Not connected: this page may be out of date.");
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(listen, wait * 1000);
        wait = Math.min(60, wait * 2);
      }
    });
    window.addEventListener("pagehide", function () { source.close(); });
  }

  function over() {
    say("lost", "You are signed out.");
    news.textContent = "You are signed out. Reload the page to sign in again.";
  }

  document.body.addEventListener("htmx:afterSwap", function (event) {
    refresh(event.target);
    count();
    decided();
  });
  document.body.addEventListener("htmx:responseError", function (event) {
    if (event.detail.xhr.status === 401) over();
    else say("lost", "The server cannot tell what is new: this page may be out of date.");
  });

  // Keys lead somewhere; none of them decides anything. They can be switched off (WCAG 2.1.4).
  var box = document.getElementById("keys-on");

  function keysOn() {
    try { return localStorage.getItem("keys") !== "off"; } catch (error) { return true; }
  }

  function step(by) {
    var links = Array.prototype.slice.call(document.querySelectorAll(".request h3 a"));
    if (!links.length) return;
    var at = links.indexOf(document.activeElement);
    links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))].focus();
  }

  function go(id) {
    var found = document.getElementById(id);
    if (found) found.focus();
  }

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !box.checked) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    switch (event.key) {
      case "j": step(1); break;
      case "k": step(-1); break;
      case "s": go("sql"); break;
      case "d": go(document.querySelector("#answer:not([hidden]) textarea") ? "reason" : "decide"); break;
      case "i": location.assign("/"); break;
      case "h": location.assign("/history"); break;
      case "?": {
        var keys = document.getElementById("keys");
        keys.open = !keys.open;
        if (keys.open) keys.querySelector("summary").focus();
        break;
      }
      default: return;
    }
    event.preventDefault();
  }

  refresh(document);
  count();
  if (live) {
    live.querySelector("a").href = location.href;
    setInterval(function () { countDown(document); }, 1000);
    box.checked = keysOn();
    box.addEventListener("change", function () {
      try { localStorage.setItem("keys", box.checked ? "on" : "off"); } catch (error) { /* for this page only, then */ }
    });
    document.addEventListener("keydown", key);
    if (watched && window.EventSource && window.htmx) listen();
  }
})();
