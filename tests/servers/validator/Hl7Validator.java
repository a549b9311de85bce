import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.hl7.fhir.r5.elementmodel.Manager.FhirFormat;
import org.hl7.fhir.r5.utils.validation.constants.ReferenceValidationPolicy;
import org.hl7.fhir.utilities.validation.ValidationMessage;
import org.hl7.fhir.validation.ValidationEngine;
import org.hl7.fhir.validation.instance.advisor.BasePolicyAdvisorForFullValidation;

/**
 * HL7's validator, kept running: each line of its input is a file and the profiles to hold it against, apart by tabs;
 * each line of its output is what it says about it, as JSON. It asks no server for terms: it has no network to use.
 * Arguments: the core package, then packages as .tgz.
 */
public final class Hl7Validator {
    public static void main(String[] arguments) throws Exception {
        PrintStream output = System.out;
        System.setOut(new PrintStream(OutputStream.nullOutputStream()));
        ValidationEngine engine = new ValidationEngine.ValidationEngineBuilder()
                .withVersion("4.0.1")
                .withNoTerminologyServer()
                .withUserAgent("tests")
                .fromSource(arguments[0]);
        for (int at = 1; at < arguments.length; at++) {
            engine.getIgLoader().loadIg(engine.getIgs(), engine.getBinaries(), arguments[at], false);
        }
        // Every resource stands alone: what it refers to is not at hand.
        engine.setPolicyAdvisor(
                new BasePolicyAdvisorForFullValidation(ReferenceValidationPolicy.IGNORE, new HashSet<>()));
        engine.prepare();
        output.println("ready 0");
        output.flush();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            List<String> asked = Arrays.asList(line.split("\t"));
            List<ValidationMessage> said = new ArrayList<>();
            byte[] resource = Files.readAllBytes(Path.of(asked.get(0)));
            engine.validate(resource, FhirFormat.JSON, asked.subList(1, asked.size()), said);
            List<Map<String, String>> told = new ArrayList<>();
            for (ValidationMessage each : said) {
                told.add(Map.of(
                        "severity", each.getLevel().toCode(),
                        "where", String.valueOf(each.getLocation()),
                        "text", String.valueOf(each.getMessage())));
            }
            output.println(new Gson().toJson(told));
            output.flush();
        }
    }
}
