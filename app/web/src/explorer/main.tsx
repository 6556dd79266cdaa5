import { createRoot } from "react-dom/client";

// This module is small and arrives with the page; the editor is large and follows. Until it is there, the words in
// explorer.html stand, and React replaces them with its first rendering.
const container = document.getElementById("explorer");
if (container === null) {
  throw new Error("explorer.html has lost its #explorer element");
}
try {
  const { Explorer } = await import("./Explorer.tsx");
  createRoot(container).render(<Explorer />);
} catch (error) {
  const notice = document.createElement("p");
  notice.setAttribute("role", "alert");
  notice.textContent = "The editor could not be loaded. Reload the page to try again.";
  document.getElementById("loading")?.append(notice);
  throw error;
}
