// Making elements.

const fill = (element, parent, attributes, text) => {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  parent?.append(element);
  return element;
};

export const make = (parent, name, attributes = {}, text) =>
  fill(document.createElement(name), parent, attributes, text);

export const svg = (parent, name, attributes = {}, text) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", name), parent, attributes, text);
