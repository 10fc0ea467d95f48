console.log("a plain word, no hash");
