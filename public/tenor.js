// Accessibility: names for icon buttons, focusable code, one main heading, and a status region that announces finished answers.
(() => {
  "use strict";

  const NAMES = [
    ["#chat-submit", "Ask"],
    ["#stop-button", "Stop"],
    ["#theme-toggle", "Light or dark"],
    ["#new-chat-button", "New conversation"],
    ["#search-chats-button", "Search conversations"],
    ["#sidebar-trigger-button, [data-sidebar='trigger']", "Show or hide conversations"],
    ["#user-nav-button", "Account"],
    ["#thread-options", "Options of this conversation"],
    [".positive-feedback-off", "Helpful"],
    [".positive-feedback-on", "Marked helpful"],
    [".negative-feedback-off", "Not helpful"],
    [".negative-feedback-on", "Marked not helpful"],
  ];
  const BY_ICON = {
    "lucide-copy": "Copy the answer",
    "lucide-search": "Search conversations",
    "lucide-square-pen": "New conversation",
    "lucide-arrow-down": "Scroll to the end",
    "lucide-ellipsis": "Options of this conversation",
    "lucide-settings": "Settings",
  };

  const region = document.createElement("div");
  region.className = "tn-announcer";
  region.setAttribute("role", "status");
  region.setAttribute("aria-live", "polite");
  const said = new Set();
  let asked = false; // since the last announcement

  const name = (button, text) => {
    if (!button.getAttribute("aria-label") && !button.textContent.trim()) button.setAttribute("aria-label", text);
  };

  const nameButtons = () => {
    for (const [selector, text] of NAMES) document.querySelectorAll(selector).forEach((button) => name(button, text));
    document.querySelectorAll("button:not([aria-label]) > svg[class*='lucide-']").forEach((icon) => {
      const found = Object.keys(BY_ICON).find((key) => icon.classList.contains(key));
      if (found) name(icon.parentElement, BY_ICON[found]);
    });
    document.querySelectorAll("#chat-input").forEach((box) => box.setAttribute("aria-label", "Your question"));
    document.querySelectorAll("pre:not([tabindex])").forEach((block) => block.setAttribute("tabindex", "0"));
  };

  const heading = () => {
    if (document.querySelector("h1.tn-announcer")) return;
    const title = document.createElement("h1");
    title.className = "tn-announcer";
    title.textContent = document.title;
    document.body.prepend(title);
  };

  const announce = () => {
    const messages = [...document.querySelectorAll("[data-step-type='assistant_message'] [id^='step-']")];
    const fresh = messages.filter((message) => !said.has(message.id));
    if (document.querySelector("#stop-button")) {
      if (asked && region.textContent !== "Working on it") region.textContent = "Working on it";
      return;
    }
    fresh.forEach((message) => said.add(message.id));
    if (!asked || fresh.length === 0) return; // an old conversation was opened: nothing new was said
    asked = false;
    region.textContent = fresh.map((message) => message.querySelector("[role='article']")?.textContent ?? "").join(" ");
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#chat-submit, .tn-chip, #starters button")) asked = true;
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.closest?.("#chat-input")) asked = true;
  }, true);

  // The box of the new conversation is filled from the address once more.
  const emptied = (question) => {
    const box = document.querySelector("#chat-input");
    if (!box || box.textContent.trim() !== question.trim()) return;
    box.focus();
    document.execCommand("selectAll");
    document.execCommand("delete");
  };
  const patience = Date.now() + 10000;

  // A question asked on from the health board: Chainlit has put it into the box, the board has left its word to send it.
  const sendAskedOn = () => {
    const question = sessionStorage.getItem("tenor.ask");
    if (!question || Date.now() > patience) return;
    setTimeout(sendAskedOn, 150); // until the box is ready: a button that becomes usable is no change of the tree
    const box = document.querySelector("#chat-input");
    const submit = document.querySelector("#chat-submit");
    if (!box || !submit || submit.disabled || box.textContent.trim() !== question.trim()) return;
    sessionStorage.removeItem("tenor.ask");
    asked = true;
    window.history.replaceState(window.history.state, "", "/");
    submit.click();
    setTimeout(() => emptied(question), 600);
  };

  let due = false;
  const look = () => {
    due = false;
    nameButtons();
    heading();
    announce();
  };
  const later = () => {
    if (due) return;
    due = true;
    setTimeout(look, 150);
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.body.append(region);
    sendAskedOn();
    new MutationObserver(later).observe(document.getElementById("root"), { childList: true, subtree: true });
    later();
  });
})();
