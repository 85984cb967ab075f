// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

// usage: Real CHILD JAVA CLASSES: threads that start programs, and two machines that fail beside living threads.
public class Real {
  private static final Map<String, Integer> ended = new TreeMap<>();

  private static void start(String name, String... words) {
    try {
      int code = new ProcessBuilder(words).redirectErrorStream(true)
          .redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor();
      // Java tells a signal as 128 and its number; no child here exits with such a code.
      synchronized (ended) {
        ended.merge(name + " " + (code > 128 ? 128 - code : code), 1, Integer::sum);
      }
    } catch (Exception error) {
      throw new RuntimeException(error);
    }
  }

  public static void main(String[] words) throws Exception {
    List<Thread> threads = new ArrayList<>();
    if (words[0].equals("--end")) {
      for (int i = 0; i < 8; i++) {
        Thread thread = new Thread(() -> {
          try { Thread.sleep(words[1].equals("joined") ? 1 : 60_000); } catch (InterruptedException e) { }
        });
        thread.setDaemon(true);
        thread.start();
        threads.add(thread);
      }
      if (words[1].equals("joined")) for (Thread thread : threads) thread.join();
      System.exit(words[1].equals("joined") ? 123 : 124);
    }
    for (int i = 0; i < 4; i++) {
      Thread thread = new Thread(() -> {
        for (int n = 0; n < 5; n++) {
          start("child", words[0], "-c", "exit 8");
          start("child", words[0], "-c", "exit 0");
          start("child", words[0], "-c", "kill -HUP $$");
        }
      });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) thread.join();
    start("itself", words[1], "-cp", words[2], "Real", "--end", "joined");
    start("itself", words[1], "-cp", words[2], "Real", "--end", "living");
    System.out.println("ENDED " + ended.entrySet().stream()
        .map(e -> "\"" + e.getKey() + "\": " + e.getValue()).collect(Collectors.joining(", ", "{", "}")));
  }
}
